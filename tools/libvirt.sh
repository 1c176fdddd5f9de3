#!/bin/sh
# Have libvirt running where no init runs it: `libvirt.sh start` starts what is not there yet and notes it, `stop` ends
# what was noted, and nothing else.
set -eu

state=/run/kprov-libvirt
PATH="$PATH:/usr/sbin:/sbin"

alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

begin() {
    name=$1 file=$2
    shift 2
    alive "$file" && return 0
    # A file that was left behind: dbus-daemon does not start beside one.
    rm -f "$file"
    "$@"
    tries=0
    until alive "$file"; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || { echo "$name does not start" >&2; exit 1; }
        sleep 0.1
    done
    printf '%s %s\n' "$(cat "$file")" "$name" >>"$state"
}

case "${1:-}" in
start)
    mkdir -p /run/dbus
    begin dbus-daemon /run/dbus/pid dbus-daemon --system --fork
    begin virtlogd /run/virtlogd.pid virtlogd -d
    begin libvirtd /run/libvirtd.pid libvirtd -d
    tries=0
    until virsh -c qemu:///system version >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 60 ] || { echo "libvirt does not answer" >&2; exit 1; }
        sleep 0.5
    done
    ;;
stop)
    [ -f "$state" ] || exit 0
    # The last one first; a number that another program has meanwhile is left alone.
    tac "$state" | while read -r pid name; do
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] && kill "$pid" 2>/dev/null || true
    done
    rm -f "$state"
    ;;
*)
    echo "usage: libvirt.sh start|stop" >&2
    exit 2
    ;;
esac
