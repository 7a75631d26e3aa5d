# Sourced: fresh Debian roots, for those who prove something on one. Needs root and debootstrap.
# Packages come from the mirror that apt here is configured with; this machine's own certificates,
# proxies and pip and npm settings are carried over, nothing else is.

# Where the project stands inside of them, and where a step may leave files.
# shellcheck disable=SC2034
fresh_project=/srv/sluice
fresh_place=/srv

# fresh_root SUITE ROOT LOG: makes it anew. With FRESH_CACHE=1 what debootstrap made is kept beside
# it, and is good for a day.
fresh_root() {
    local suite=$1 root=$2 log=$3 mirror file
    mirror=$(scripts/setup --mirror)
    rm -rf --one-file-system "$root"
    mkdir -p "$root" "$(dirname "$log")"
    if [ -n "${FRESH_CACHE:-}" ] && [ -n "$(find "$root.tar" -mtime 0 2>/dev/null)" ]; then
        tar -C "$root" --numeric-owner -xf "$root.tar"
    else
        debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$log" 2>&1 ||
            { tail -n 30 "$log"; exit 1; }
        [ -z "${FRESH_CACHE:-}" ] || tar -C "$root" --numeric-owner -cf "$root.tar" .
    fi

    # An installer writes it; debootstrap does not.
    [ -e "$root/etc/hosts" ] || printf '127.0.0.1\tlocalhost\n::1\t\tlocalhost\n' >"$root/etc/hosts"

    for file in /etc/resolv.conf /etc/pip.conf /etc/npmrc /etc/apt/apt.conf.d/*proxy*; do
        [ ! -f "$file" ] || install -D -m 644 "$file" "$root$file"
    done
    for file in /usr/local/share/ca-certificates/*.crt; do
        [ ! -f "$file" ] || install -D -m 644 "$file" "$root$file"
    done
}

# fresh_inside ROOT COMMAND: in a mount and a process namespace of its own, so that whatever was
# mounted or started inside ends with it.
# shellcheck disable=SC2016
fresh_inside() {
    local variable carried=()
    for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL \
        PIP_CERT PIP_DEFAULT_TIMEOUT SSL_CERT_FILE NODE_EXTRA_CA_CERTS REQUESTS_CA_BUNDLE \
        SLUICE_DEBIAN_MIRROR; do
        [ -z "${!variable:-}" ] || carried+=("$variable=${!variable}")
    done
    unshare --mount --pid --fork --kill-child bash -c '
        set -e
        root=$1
        shift
        mount --make-rprivate /
        mount --bind "$root" "$root" # a root that is a mount of its own, which `unshare -m` asks for
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/tmp"
        exec chroot "$root" "$@"
    ' inside "$1" env -i HOME="$fresh_place" TERM=dumb LC_ALL=C.UTF-8 CI=true \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        SLUICE_PORT="${SLUICE_PORT:-18080}" MODEL_PORT="${MODEL_PORT:-19001}" RUN_ONCE=1 \
        "${carried[@]}" bash -c "$2" </dev/null
}
