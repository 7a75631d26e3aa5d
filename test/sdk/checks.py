"""What a check is: a function with a name. One that raises has failed."""

import time
import traceback


class Tally:
    def __init__(self, words):
        self.words = words
        self.passed = self.failed = 0

    def run(self, name, check, *values):
        if self.words and not any(word in name for word in self.words):
            return
        began = time.monotonic()
        try:
            check(*values)
        except Exception:  # a check's own mistake is a failure too
            self.failed += 1
            print(f"FAIL {name}\n{traceback.format_exc()}", flush=True)
            return
        self.passed += 1
        print(f"ok   {name} {(time.monotonic() - began) * 1000:.0f} ms", flush=True)


def same(got, expected):
    if got != expected:
        raise AssertionError(f"got {got!r}, expected {expected!r}")


def raises(kind, call, *values, **named):
    """The exception of exactly this class that the call ends with."""
    try:
        call(*values, **named)
    except Exception as error:
        if type(error) is not kind:
            raise AssertionError(f"got {type(error).__name__}: {error}, "
                                 f"expected {kind.__name__}") from error
        return error
    raise AssertionError(f"nothing was raised, expected {kind.__name__}")
