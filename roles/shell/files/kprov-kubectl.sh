# written by kprov; changes here are lost
# kubectl for people, in sh, bash and zsh: completion, k for short, and these commands:
#
#   k ...                    kubectl, with completion
#   knodes                   the nodes with their addresses and versions
#   kpods [NAMESPACE]        the pods of all namespaces, or of one, each with a number
#   kexec NUMBER [COMMAND]   a shell, or a command, in the pod with this number of the last kpods
#   klogs NUMBER [OPTION]    the log of the pod with this number of the last kpods; -f follows it

# Root on a control plane uses the cluster's own kubeconfig, unless there is another one.
if [ -z "${KUBECONFIG:-}" ] && [ ! -e "$HOME/.kube/config" ] && [ -r /etc/kubernetes/admin.conf ]; then
    export KUBECONFIG=/etc/kubernetes/admin.conf
fi

alias k=kubectl

knodes() {
    kubectl get nodes -o wide "$@"
}

kpods() {
    if [ $# -gt 0 ]; then
        __kprov_table=$(kubectl get pods -o wide -n "$1") || return
        __kprov_pods=$(printf '%s\n' "$__kprov_table" | awk -v space="$1" 'NR > 1 { print space, $1 }')
    else
        __kprov_table=$(kubectl get pods -o wide -A) || return
        __kprov_pods=$(printf '%s\n' "$__kprov_table" | awk 'NR > 1 { print $1, $2 }')
    fi
    [ -z "$__kprov_pods" ] || printf '%s\n' "$__kprov_table" | awk '{ printf "%4s  %s\n", (NR > 1 ? NR - 1 : "#"), $0 }'
}

kexec() {
    __kprov_choose kexec "${1:-}" || return
    shift
    [ $# -gt 0 ] || set -- sh -c 'if command -v bash >/dev/null; then exec bash; else exec sh; fi'
    if [ -t 0 ] && [ -t 1 ]; then
        kubectl exec -i -t -n "$__kprov_space" "$__kprov_pod" -- "$@"
    else
        kubectl exec -i -n "$__kprov_space" "$__kprov_pod" -- "$@"
    fi
}

klogs() {
    __kprov_choose klogs "${1:-}" || return
    shift
    kubectl logs -n "$__kprov_space" "$__kprov_pod" "$@"
}

# The namespace and the name of a pod by its number.
__kprov_choose() {
    __kprov_line=$(printf '%s\n' "${__kprov_pods:-}" | awk -v number="$2" 'NF && NR "" == number')
    if [ -z "$__kprov_line" ]; then
        echo "$1: '$2' is no number of a pod; kpods lists them" >&2
        return 1
    fi
    __kprov_space=${__kprov_line%% *}
    __kprov_pod=${__kprov_line#* }
}

case $- in *i*) __kprov_shell=${BASH_VERSION:+bash}${ZSH_VERSION:+zsh} ;; *) __kprov_shell= ;; esac
if [ "$__kprov_shell" = bash ]; then
    if [ -z "${BASH_COMPLETION_VERSINFO:-}" ] && [ -r /usr/share/bash-completion/bash_completion ]; then
        # shellcheck source=/dev/null
        . /usr/share/bash-completion/bash_completion
    fi
    # kubectl takes its time to write its completion, so that is read at the first Tab; 124 has bash try again.
    __kprov_complete() {
        eval "$(kubectl completion bash 2>/dev/null)"
        if ! command -v __start_kubectl >/dev/null; then
            complete -r kubectl k
            return 1
        fi
        complete -o default -F __start_kubectl kubectl k
        return 124
    }
    complete -F __kprov_complete kubectl k
elif [ "$__kprov_shell" = zsh ] && command -v kubectl >/dev/null; then
    command -v compdef >/dev/null || { autoload -Uz compinit && compinit; }
    eval "$(kubectl completion zsh)"
fi
