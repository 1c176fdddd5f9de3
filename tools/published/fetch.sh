#!/bin/sh
# Fetches the sources that main.go reads, from the module proxy that Go is set up with.
#   sh fetch.sh 1.36.4 3.6.8
set -eu
staging="0${1#1}"
cd "$(mktemp -d)"
go mod download "k8s.io/kubernetes@v$1"
for name in api apimachinery apiserver apiextensions-apiserver cloud-provider component-base controller-manager kube-proxy kubelet
do
    go mod download "k8s.io/$name@v$staging"
done
case $2 in
    0.5.*) go mod download "go.etcd.io/etcd@v$2" ;; # 3.4, as Kubernetes calls it
    *) go mod download "go.etcd.io/etcd/server/v3@v$2" ;;
esac
