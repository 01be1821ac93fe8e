# shellcheck shell=bash
# Kubernetes and etcd from the Go module proxy: the only download there is.

KUBERNETES_COMMANDS="kubeadm kubelet kubectl kube-apiserver kube-controller-manager kube-scheduler"

# "go install k8s.io/kubernetes/cmd/...@v" refuses because of the replace
# directives. A throw-away module with Kubernetes' own requirements, each
# staging directory replaced by the module published from it, builds the same.
kubernetes_module() {
	local source=$1 staging=v0.${KUBERNETES_VERSION#1.}
	sed -E \
		-e 's|^module .*|module kplb-lab/kubernetes|' \
		-e "s|^(\s+k8s.io/\S+) => \./staging/.*|\1 => \1 $staging|" \
		-e "s|^(\s+k8s.io/\S+) v0\.0\.0\$|\1 $staging|" \
		"$source/go.mod"
	echo "require k8s.io/kubernetes v$KUBERNETES_VERSION"
}

# What the build may not inherit: a person's GOFLAGS, a go.work above it, cgo.
go_build() { env GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0 nice -n 10 go build -trimpath "$@"; }

kubernetes_linker_flags() {
	local minor=${KUBERNETES_VERSION#1.} package
	printf -- '-s -w'
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		printf ' -X %s=%s' \
			"$package.gitVersion" "v$KUBERNETES_VERSION" "$package.gitMajor" 1 "$package.gitMinor" "${minor%%.*}" \
			"$package.gitTreeState" clean "$package.gitCommit" unknown "$package.buildDate" 2026-01-01T00:00:00Z
	done
}

build_kubernetes() {
	local module=$1/module source command flags
	mkdir "$module"
	cd "$module" || exit 1
	say "getting k8s.io/kubernetes v$KUBERNETES_VERSION"
	source=$(GOWORK=off go mod download -json "k8s.io/kubernetes@v$KUBERNETES_VERSION" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	[ -d "$source" ] || die "k8s.io/kubernetes: no source in the module cache; see what \"go mod download\" says"
	kubernetes_module "$source" >go.mod
	cp "$source/go.sum" go.sum
	flags=$(kubernetes_linker_flags)
	for command in $KUBERNETES_COMMANDS; do
		say "building $command"
		go_build -ldflags "$flags" -o "$1/$command" "k8s.io/kubernetes/cmd/$command"
	done
	cd /
	rm -rf "$module"
}

# The server module's main package is named server; etcdctl is its own module.
build_etcd() {
	local module=$1/module
	mkdir "$module"
	cd "$module" || exit 1
	say "building etcd and etcdctl v$ETCD_VERSION"
	cat >go.mod <<-END
		module kplb-lab/etcd
		go 1.24
		require (
			go.etcd.io/etcd/server/v3 v$ETCD_VERSION
			go.etcd.io/etcd/etcdctl/v3 v$ETCD_VERSION
		)
	END
	go_build -ldflags '-s -w' -o "$1/etcd" go.etcd.io/etcd/server/v3
	go_build -ldflags '-s -w' -o "$1/etcdctl" go.etcd.io/etcd/etcdctl/v3
	cd /
	rm -rf "$module"
}

# The sandbox container's only process: waits for signals, reaps orphans.
build_pause() {
	gcc -Os -static -s -x c -o "$1/pause" - <<-'END'
		#include <signal.h>
		#include <stdlib.h>
		#include <sys/wait.h>
		#include <unistd.h>
		static void end(int signal) { (void)signal; _exit(0); }
		static void reap(int signal) { (void)signal; while (waitpid(-1, NULL, WNOHANG) > 0) {} }
		int main(void) {
			signal(SIGINT, end);
			signal(SIGTERM, end);
			signal(SIGCHLD, reap);
			for (;;) pause();
		}
	END
}

# Sets KUBERNETES, ETCD and PAUSE to the directories with the binaries.
kubernetes_binaries() {
	local toolchain
	toolchain=$(go env GOVERSION)
	cached kubernetes "$KUBERNETES_VERSION $(kubernetes_linker_flags) $toolchain $(declare -f kubernetes_module)" build_kubernetes
	KUBERNETES=$CACHED
	cached etcd "$ETCD_VERSION $toolchain" build_etcd
	ETCD=$CACHED
	cached pause "$(declare -f build_pause)" build_pause
	PAUSE=$CACHED
}
