"""Images that stand in for those of network plugins: they do what the makers' images need of a node, and check it.

What a node owes a plugin is what its manifest mounts and what its pods ask for: mounts that reach the node, CNI
programs and configuration beside those that are there, iptables, and the API server by its service's address, on a node
without a default route. Pods get addresses from Debian's bridge plugin; packets between nodes are nobody's here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kprov.bundle.store import default_store
from tests.e2e.made import podman

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PLUGIN = """\
#!/bin/sh
exec /opt/cni/bin/bridge <<'END'
{"name": "stand-in", "cniVersion": "0.3.1", "type": "bridge", "bridge": "stand-in", "isGateway": true, "ipMasq": true,
 "ipam": {"type": "host-local", "ranges": [[{"subnet": "%s"}]], "routes": [{"dst": "0.0.0.0/0"}]}}
END
"""
_INSTALL = """\
#!/bin/sh -e
# The programs of the plugin, and its own build of one that the node has.
cp /stand-in/plugin /host/opt/cni/bin/$1
printf . >>/host/opt/cni/bin/portmap
cat >/host/etc/cni/net.d/$2 <<END
{"name": "stand-in", "cniVersion": "0.3.1",
 "plugins": [{"type": "$1"}, {"type": "portmap", "snat": true, "capabilities": {"portMappings": true}}]}
END
"""
_MAIN = """\
#!/bin/sh
trap 'exit 0' TERM
while :; do sleep 1; done
"""
_API = """\
#!/bin/sh
: | nc -w 3 "$KUBERNETES_SERVICE_HOST" "$KUBERNETES_SERVICE_PORT"
"""
_CALICO = """\
#!/bin/sh -e
case "$*" in
"-init -best-effort")
    grep -q ' /sys/fs/bpf bpf ' /proc/mounts || busybox mount -t bpf bpf /sys/fs/bpf
    mkdir -p /var/run/calico/cgroup
    grep -q 'calico/cgroup tmpfs ' /proc/mounts || busybox mount -t tmpfs tmpfs /var/run/calico/cgroup
    test -e /nodeproc/1/ns/mnt ;;
*ready*)
    grep -q ' /sys/fs/bpf bpf ' /proc/mounts
    grep -q 'calico/cgroup tmpfs ' /proc/mounts
    test -d /lib/modules
    iptables -w -t raw -S >/dev/null
    ipset list -n >/dev/null
    touch /var/lib/calico/ready /host/etc/cni/net.d/calico-kubeconfig
    /stand-in/api ;;
esac
"""
_LAUNCH = """\
#!/bin/sh -e
test -s /host/etc/machine-id
iptables -w -t filter -S >/dev/null
/stand-in/api
case "$IPALLOC_RANGE" in 10.*/16) ;; *) exit 1 ;; esac
touch /weavedb/weave-netdata.db
mkdir -p /stand-in/www
touch /stand-in/www/status
exec httpd -f -p 127.0.0.1:6784 -h /stand-in/www
"""
_FILES = {
    "stand-in/main": _MAIN,
    "stand-in/api": _API,
    "stand-in/install": _INSTALL,
    "bin/calico-node": _CALICO,
    "opt/cni/bin/calico-ipam": "#!/bin/sh\n",
    "opt/cni/bin/install": '#!/bin/sh\nexec /stand-in/install calico "$CNI_CONF_NAME"\n',
    "usr/bin/check-status": "#!/bin/sh\nexec /stand-in/api\n",
    "home/weave/init.sh": "#!/bin/sh -e\nipset list -n\nexec /stand-in/install weave-net 10-weave.conflist\n",
    "home/weave/launch.sh": _LAUNCH,
}


def archive(folder: Path, images: Sequence[str], pods: str) -> Path:
    """An archive of images by these names, as ``podman save`` writes it; pods get addresses of ``pods``."""
    layers = next((default_store(os.environ) / "parts").glob("debian-layers-*"))
    for path, text in {**_FILES, "stand-in/plugin": _PLUGIN % pods}.items():
        file = folder / "root" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    for name in ("network", "probe"):
        os.link(layers / f"{name}.tar", folder / f"{name}.tar")
    steps = 'FROM scratch\nADD network.tar /\nADD probe.tar /\nCOPY root /\nENTRYPOINT ["/stand-in/main"]\n'
    for number, image in enumerate(images):
        (folder / "Containerfile").write_text(f"{steps}LABEL number={number}\n")
        podman("build", "--isolation=chroot", "--quiet", f"--tag={image}", str(folder))
    target = folder / "images.tar"
    podman("save", "--quiet", "--multi-image-archive", f"--output={target}", *images)
    podman("rmi", *images)
    return target
