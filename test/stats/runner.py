"""Runs the tests of compare.py and coverage.py; see the file `run`."""

import argparse
import os
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import compare   # noqa: E402
import coverage  # noqa: E402


def main():
    parser = argparse.ArgumentParser(prog="test/stats/run")
    parser.add_argument("--rounds", type=float, default=1)
    parser.add_argument("words", nargs="*")
    args = parser.parse_args()
    coverage.rounds_factor = args.rounds
    passed = failed = 0
    for module in (compare, coverage):
        for name, test in vars(module).items():
            if not name.startswith("test_"):
                continue
            if args.words and not any(word in name for word in args.words):
                continue
            began = time.time()
            try:
                said = test()
                passed += 1
                print(f"ok   {name} {time.time() - began:.1f} s: {said}", flush=True)
            except Exception:  # a test's own mistake is a failure too
                failed += 1
                print(f"FAIL {name}\n{traceback.format_exc()}", flush=True)
    if passed + failed == 0:
        print(f"no test's name contains any of: {' '.join(args.words)}")
        return 2
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
