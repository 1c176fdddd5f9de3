#!/usr/bin/env bash
# The floor: the least work that makes the same cluster as `kprov up` on the same prepared machines. OpenSSH, curl and
# kubeadm, one shared connection per machine; every stage runs on all of its machines at once.
#
#   floor.sh FOLDER serial|parallel
#
# serial: control planes join one after another, as kubeadm's guide has it and as kprov does; parallel: all at once,
# which etcd takes ill on a busy machine. Workers join at once, beside the first of them.
# FOLDER comes from floorplan.py: the same binaries, images, settings and kubeadm documents as kprov's own. What kprov
# does beyond that is left out: checksums, checks of the machines, repeating and repairing, taking the token back.
# PYTHON is a Python that has kprov, for its file server.
set -euo pipefail
cd "$1"
order=$2
mapfile -t planes <control-planes
mapfile -t workers <workers
nodes=("${planes[@]}" "${workers[@]}")
first=${planes[0]}
others=("${planes[@]:1}")

on() { ssh -F ssh_config "$@"; }

# everywhere STAGE HOST...: run a stage on all hosts at once; fail when it failed on one of them.
everywhere() {
    local stage=$1 pids=() host pid failed=0
    shift
    for host; do
        "$stage" "$host" >"log/$stage.$host" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    ((failed == 0)) || { tail -n 5 "log/$stage."* >&2; return 1; }
}

# The file server ends with this script.
serve() {
    local port secret
    read -r port secret < <(sed "s/\"watch_pid\": 0/\"watch_pid\": $$/" serve.json | "$PYTHON" -m kprov.bundle.serve |
        sed -E 's/.*"port": ([0-9]+).*"secret": "([^"]+)".*/\1 \2/')
    url=http://$(<address):$port/$secret
}

prepare() {
    { echo "$url"; tar -C "nodes/$1" -cf - .; } | on "$1" '
        set -eu
        read -r url
        tar -C / --no-overwrite-dir --no-same-owner -xf -
        cat /run/floor/hosts >>/etc/hosts
        modprobe -qa overlay br_netfilter || true
        sysctl -q -p /etc/sysctl.d/99-kprov.conf
        systemctl daemon-reload
        systemctl enable -q --now containerd kprov-api-endpoint
        systemctl enable -q kubelet
        pids=
        while read -r kind path name; do
            case $kind in
            binary) curl -fsS -o "/usr/local/bin/$name" "$url/$path" && chmod 755 "/usr/local/bin/$name" ;;
            images) curl -fsS "$url/$path" | ctr --namespace k8s.io images import - ;;
            esac &
            pids="$pids $!"
        done </run/floor/artifacts
        for pid in $pids; do wait "$pid"; done'
}

# Found the cluster; the certificates are shared and the token is valid from here on.
found() {
    on "$1" '
        set -eu
        skip=; command -v crictl >/dev/null || skip=--skip-phases=preflight
        kubeadm init --config /run/floor/kubeadm.yaml --upload-certs --skip-token-print \
            --skip-certificate-key-print $skip >&2
        export KUBECONFIG=/etc/kubernetes/admin.conf
        [ ! -s /run/floor/manifests.yaml ] || kubectl apply -f /run/floor/manifests.yaml >&2
        kubectl -n kube-public get configmap cluster-info -o "jsonpath={.data.kubeconfig}"' 2>log/found >discovery.conf ||
        { tail -n 20 log/found >&2; return 1; }
}

join() {
    on "$1" '
        set -eu
        skip=; command -v crictl >/dev/null || skip=--skip-phases=preflight
        umask 077
        mkdir -p /run/kprov
        cat >/run/kprov/discovery.conf
        kubeadm join --config /run/floor/join.yaml $skip' <discovery.conf
}

join_planes() {
    local host
    if [[ $order == parallel ]]; then
        everywhere join "${others[@]}"
    else
        for host in "${others[@]}"; do everywhere join "$host"; done
    fi
}

# The pod network of every node, as a sed script for the files that wait for it.
learn() {
    on "$first" sh -s "${#nodes[@]}" >networks.sed <<'REMOTE'
        set -eu
        export KUBECONFIG=/etc/kubernetes/admin.conf
        until
            found=$(kubectl get nodes -o \
                'jsonpath={range .items[?(@.spec.podCIDR)]}s#@{.metadata.name}@#{.spec.podCIDR}#{"\n"}{end}')
            [ "$(echo "$found" | wc -l)" -eq "$1" ]
        do sleep 0.5; done
        echo "$found"
REMOTE
}

network() {
    on "$1" '
        set -eu
        cat >/run/floor/networks.sed
        cd /run/floor/late
        find . -type f | while read -r file; do
            mkdir -p "/${file%/*}"
            sed -f /run/floor/networks.sed "$file" >"/$file"
            chmod --reference="$file" "/$file"
        done
        systemctl daemon-reload
        systemctl enable -q --now kprov-pod-routes' <networks.sed
}

stage() { printf '%6.1f s  %s\n' "$(($(date +%s%N) / 100000000 - start))e-1" "$1"; }

start=$(($(date +%s%N) / 100000000))
serve
everywhere prepare "${nodes[@]}"
stage "machines prepared"
found "$first"
stage "cluster founded"
everywhere join "${workers[@]}" &
workers_pid=$!
join_planes
wait "$workers_pid"
stage "all joined"
learn
everywhere network "${nodes[@]}"
on "$first" kubectl --kubeconfig /etc/kubernetes/admin.conf wait --for=condition=Ready --timeout=180s node --all
stage "all ready"
