# shellcheck shell=bash
# A control plane that only looks like one: certificates and a manifest as
# kubeadm makes them, and the stand-in of lab/standin for the apiserver.

build_standin() {
	cd "$LAB/.." || exit 1
	env GOFLAGS= CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$1/kube-apiserver" ./lab/standin
}

standin_binary() {
	cached standin "$(go env GOVERSION) $(cat "$LAB"/standin/*.go)" build_standin
	STANDIN=$CACHED/kube-apiserver
}

# certificate_authority DIR: one for the whole cluster, named as kubeadm's.
certificate_authority() {
	mkdir -p "$1"
	openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=kubernetes \
		-addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign -addext subjectAltName=DNS:kubernetes \
		-keyout "$1/ca.key" -out "$1/ca.crt" 2>/dev/null
}

# apiserver_certificate NODE DIR: signed by the authority in $STATE/pki, with
# kubeadm's names and, unless the lab leaves it out, the VIPs.
apiserver_certificate() {
	local names
	names="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
	names="$names,DNS:$(node_name "$1"),IP:10.96.0.1,IP:$(node_address "$1")"
	[ "$VIP_SAN" = no ] || names="$names,IP:$VIP,IP:$VIP_TOO,IP:$VIP6"
	openssl req -new -newkey rsa:2048 -nodes -subj /CN=kube-apiserver -keyout "$2/apiserver.key" 2>/dev/null |
		openssl x509 -req -days 365 -CA "$STATE/pki/ca.crt" -CAkey "$STATE/pki/ca.key" -set_serial "0x$(openssl rand -hex 8)" \
			-extfile <(printf 'keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth\nsubjectAltName=%s\n' "$names") \
			-out "$2/apiserver.crt" 2>/dev/null
	chmod 600 "$2/apiserver.key"
}

# standin_disk NODE: what makes a booted Debian a control-plane node here.
standin_disk() {
	local upper=$DISK/$1/upper kubernetes=$DISK/$1/upper/etc/kubernetes
	install -d -m 755 "$upper/usr" "$upper/usr/local" "$upper/usr/local/bin" "$upper/etc/systemd" "$upper/etc/systemd/system" \
		"$upper/etc/systemd/system/multi-user.target.wants" "$kubernetes" "$kubernetes/pki"
	install -d -m 700 "$kubernetes/manifests"
	install -m 755 "$STANDIN" "$upper/usr/local/bin/kube-apiserver"
	install -m 644 "$LAB/standin/kube-apiserver-standin.service" "$upper/etc/systemd/system/"
	ln -s /etc/systemd/system/kube-apiserver-standin.service "$upper/etc/systemd/system/multi-user.target.wants/"

	install -m 644 "$STATE/pki/ca.crt" "$kubernetes/pki/ca.crt"
	apiserver_certificate "$1" "$kubernetes/pki"
	sed "s/@ADDRESS@/$(node_address "$1")/" "$LAB/standin/kube-apiserver.yaml.tmpl" >"$kubernetes/manifests/kube-apiserver.yaml"
	chmod 600 "$kubernetes/manifests/kube-apiserver.yaml"
	standin_kubeconfig "$(node_address 1)" >"$kubernetes/admin.conf"
	chmod 600 "$kubernetes/admin.conf"
}

# Without credentials: the stand-in knows nobody.
standin_kubeconfig() {
	cat <<-END
		apiVersion: v1
		clusters:
		- cluster:
		    certificate-authority-data: $(base64 -w0 "$STATE/pki/ca.crt")
		    server: https://$1:6443
		  name: kubernetes
		contexts:
		- context:
		    cluster: kubernetes
		    user: kubernetes-admin
		  name: kubernetes-admin@kubernetes
		current-context: kubernetes-admin@kubernetes
		kind: Config
		users:
		- name: kubernetes-admin
		  user: {}
	END
}

standin_up() {
	certificate_authority "$STATE/pki"
	cp "$STATE/pki/ca.crt" "$STATE/ca.crt"
}

# standin_wait NODE: until its /readyz is ok, verified as a client would.
standin_wait() {
	local deadline=$((SECONDS + 30))
	until ip netns exec "$OPERATOR" curl --silent --fail --max-time 2 --cacert "$STATE/ca.crt" \
		"https://$(node_address "$1"):6443/readyz" >/dev/null; do
		[ $SECONDS -lt $deadline ] ||
			die "$(node_name "$1"): /readyz is not ok after 30 s; \"lab/lab exec $(node_name "$1") journalctl -u kube-apiserver-standin\" says why"
		sleep 0.3
	done
}

standin_ready() {
	local node
	for node in $NODES; do standin_wait "$node"; done
}
