# shellcheck shell=bash
# What kubeadm is told: init on node 1, join on every other node.

# role_of NODE: control-plane, worker or spare, as the lab was ordered. A spare
# joins as a control plane.
role_of() {
	case " $WORKERS / $SPARES " in
	*" $1 "*/*) echo worker ;;
	*/*" $1 "*) echo spare ;;
	*) echo control-plane ;;
	esac
}

# The token does not end: a spare may join when the lab is days old. The
# endpoint is node 1's address, as whoever follows the tutorial has it.
kubeadm_init_config() {
	cat <<-END
		apiVersion: kubeadm.k8s.io/v1beta4
		kind: InitConfiguration
		bootstrapTokens:
		- {token: $TOKEN, ttl: 0s, groups: ["system:bootstrappers:kubeadm:default-node-token"], usages: [signing, authentication]}
		certificateKey: $CERTIFICATE_KEY
		localAPIEndpoint: {advertiseAddress: $(node_address 1), bindPort: 6443}
		$(kubeadm_patches)
		$(node_registration 1)
		---
		apiVersion: kubeadm.k8s.io/v1beta4
		kind: ClusterConfiguration
		kubernetesVersion: v$KUBERNETES_VERSION
		controlPlaneEndpoint: $(node_address 1):6443
		apiServer:
		  certSANs: [$([ "$VIP_SAN" = no ] || echo "$VIP, $VIP_TOO, \"$VIP6\"")]
		  extraArgs: [$([ "$ANONYMOUS" = on ] || echo '{name: anonymous-auth, value: "false"}')]
		---
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		cgroupDriver: $(v1_host && echo cgroupfs || echo systemd)
		failCgroupV1: false
		failSwapOn: false
		localStorageCapacityIsolation: false
	END
}

# kubeadm_join_config NODE ENDPOINT
kubeadm_join_config() {
	printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n'
	kubeadm_discovery "$2"
	[ "$(role_of "$1")" = worker ] || cat <<-END
		controlPlane:
		  certificateKey: $CERTIFICATE_KEY
		  localAPIEndpoint: {advertiseAddress: $(node_address "$1"), bindPort: 6443}
		$(kubeadm_patches)
	END
	node_registration "$1"
}

# What both of init and join say of a node.
node_registration() {
	cat <<-END
		nodeRegistration:
		  name: $(node_name "$1")
		  criSocket: unix:///run/containerd/containerd.sock
		  imagePullPolicy: Never
		  kubeletExtraArgs:
		  - {name: node-ip, value: $(node_address "$1")}
	END
}

# With a token alone kubeadm asks for cluster-info as nobody in particular,
# which apiservers without anonymous requests refuse. A file holds the token and
# is believed.
kubeadm_discovery() {
	if [ "$ANONYMOUS" = on ]; then
		printf 'discovery:\n  bootstrapToken: {token: %s, apiServerEndpoint: "%s", unsafeSkipCAVerification: true}\n' "$TOKEN" "$1"
	else
		printf 'discovery:\n  file: {kubeConfigPath: /root/discovery.conf}\n'
	fi
}

discovery_kubeconfig() {
	cat <<-END
		apiVersion: v1
		kind: Config
		clusters:
		- name: kubernetes
		  cluster: {server: "https://$1", certificate-authority-data: $(base64 -w0 "$STATE/ca.crt")}
		users:
		- name: tls-bootstrap-token-user
		  user: {token: $TOKEN}
		contexts:
		- name: kubernetes
		  context: {cluster: kubernetes, user: tls-bootstrap-token-user}
		current-context: kubernetes
	END
}

kubeadm_patches() { [ "$ANONYMOUS" = on ] || echo 'patches: {directory: /etc/kubernetes/patches}'; }

# kubeadm's probes come without credentials and would be told 401, for which the
# kubelet kills the apiserver. Whether it listens is what is left to ask.
probe_patch() {
	local probe
	for probe in livenessProbe readinessProbe startupProbe; do
		cat <<-END
			- {op: remove, path: /spec/containers/0/$probe/httpGet}
			- {op: add, path: /spec/containers/0/$probe/tcpSocket, value: {host: $(node_address "$1"), port: probe-port}}
		END
	done
}
