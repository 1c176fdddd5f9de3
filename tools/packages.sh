#!/bin/sh
# Install the Debian packages that the container lab and the packages bundle need, and those that are named as arguments;
# only those that are missing.
# Without apt, or without root and sudo, it says what is missing and goes on: other providers and sources need none of it.
set -eu

wanted="podman runc netavark aardvark-dns mmdebstrap golang-1.19-go golang-github-modern-go-reflect2-dev
        dpkg-dev gcc libc6-dev zstd skopeo make git iproute2 iptables openssh-client python3-venv ca-certificates $*"

missing=""
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
    [ "$state" = "ii " ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "no apt-get here: the container lab and the packages bundle need the equivalents of:$missing" >&2
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    sudo=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo="sudo"
else
    echo "neither root nor sudo: please have these packages installed:$missing" >&2
    exit 0
fi
echo "Installing Debian packages:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt could not install:$missing" >&2
    exit 1
fi
