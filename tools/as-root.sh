#!/bin/sh
# Run a command as root: node containers need it. With sudo where this is not root; as it is where neither is there,
# so that the command itself says what it cannot do.
set -eu
if [ "$(id -u)" -ne 0 ] && command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    exec sudo --preserve-env=HOME,XDG_CACHE_HOME,NO_COLOR,TERM,CI,KPROV_E2E_ROUNDS,KPROV_E2E_SEED "$@"
fi
exec "$@"
