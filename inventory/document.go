package inventory

import "github.com/kplb/kplb/source"

// The document types are the format kplb/v1alpha1 as it is written: what keys
// there are and where. What values they take is in the check files.
//
// Tags: key is the name in the file; secret forbids to echo anything below;
// required that the key cannot be left out.

type document struct {
	At           source.Section
	APIVersion   source.Scalar    `key:"apiVersion" required:"true"`
	Kind         source.Scalar    `key:"kind" required:"true"`
	Name         source.Scalar    `key:"name" required:"true"`
	VIP          vipsDocument     `key:"vip" required:"true"`
	DNSName      source.Scalar    `key:"dnsName"`
	Port         source.Scalar    `key:"port"`
	Distribution source.Scalar    `key:"distribution"`
	Exposure     source.Scalar    `key:"exposure"`
	Profile      source.Scalar    `key:"profile"`
	Certificates source.Scalar    `key:"certificates"`
	Endpoint     source.Scalar    `key:"endpoint"`
	Firewall     source.Scalar    `key:"firewall"`
	Nodes        []nodeDocument   `key:"nodes" required:"true"`
	Workers      []workerDocument `key:"workers"`
	SSH          sshDocument      `key:"ssh"`
	VRRP         vrrpDocument     `key:"vrrp"`
	HAProxy      haproxyDocument  `key:"haproxy"`
	IPVS         ipvsDocument     `key:"ipvs"`

	APIServer apiserverDocument `key:"apiserver"`

	Services []serviceDocument `key:"services"`
	Metrics  metricsDocument   `key:"metrics"`

	WorkerBalancer workerBalancerDocument `key:"workerBalancer"`
}

// vipsDocument is one VIP or a list of them, each an address or a mapping.
type vipsDocument struct {
	source.Place
	items []vipDocument
}

type vipDocument struct {
	At        source.Section
	Address   source.Scalar `key:"address" required:"true"`
	Preferred source.Scalar `key:"preferred"`
}

type nodeDocument struct {
	At        source.Section
	Name      source.Scalar   `key:"name" required:"true"`
	Address   source.Words    `key:"address" required:"true"`
	Interface source.Scalar   `key:"interface"`
	Priority  source.Scalar   `key:"priority"`
	SSH       nodeSSHDocument `key:"ssh"`
	Labels    pairs           `key:"labels"`
}

type workerDocument struct {
	At      source.Section
	Name    source.Scalar   `key:"name" required:"true"`
	Address source.Words    `key:"address" required:"true"`
	SSH     nodeSSHDocument `key:"ssh"`
	Labels  pairs           `key:"labels"`
}

// sshDocument is what all nodes can share.
type sshDocument struct {
	At           source.Section
	User         source.Scalar `key:"user"`
	Port         source.Scalar `key:"port"`
	IdentityFile source.Words  `key:"identityFile"`
	ProxyJump    source.Words  `key:"proxyJump"`
}

type nodeSSHDocument struct {
	Host        source.Scalar `key:"host"`
	sshDocument               // its keys, on the same level
}

type vrrpDocument struct {
	At              source.Section
	Version         source.Scalar     `key:"version"`
	VirtualRouterID source.Scalar     `key:"virtualRouterID"`
	AdvertInterval  source.Scalar     `key:"advertInterval"`
	Auth            authDocument      `key:"auth" secret:"true"`
	Mode            source.Scalar     `key:"mode"`
	Failback        source.Scalar     `key:"failback"`
	Extra           vrrpExtraDocument `key:"extra"`
}

type vrrpExtraDocument struct {
	At       source.Section
	Global   source.Words `key:"global"`
	Instance source.Words `key:"instance"`
}

type authDocument struct {
	At          source.Section
	FromEnv     source.Scalar `key:"fromEnv"`
	FromFile    source.Scalar `key:"fromFile"`
	FromCommand source.Words  `key:"fromCommand"`
}

type haproxyDocument struct {
	At          source.Section
	Port        source.Scalar        `key:"port"`
	Balance     source.Scalar        `key:"balance"`
	MaxConn     source.Scalar        `key:"maxConn"`
	MonitorPort source.Scalar        `key:"monitorPort"`
	Timeouts    timeoutsDocument     `key:"timeouts"`
	Check       checkDocument        `key:"check"`
	Extra       haproxyExtraDocument `key:"extra"`
	PeersPort   source.Scalar        `key:"peersPort"`
}

type haproxyExtraDocument struct {
	At       source.Section
	Global   source.Words `key:"global"`
	Defaults source.Words `key:"defaults"`
	Frontend source.Words `key:"frontend"`
	Backend  source.Words `key:"backend"`
}

type apiserverDocument struct {
	At      source.Section
	Restart source.Scalar `key:"restart"`
}

type ipvsDocument struct {
	At     source.Section
	Method source.Scalar `key:"method"`
	Check  source.Scalar `key:"check"`
}

type timeoutsDocument struct {
	At      source.Section
	Connect source.Scalar `key:"connect"`
	Client  source.Scalar `key:"client"`
	Server  source.Scalar `key:"server"`
	Tunnel  source.Scalar `key:"tunnel"`
	Check   source.Scalar `key:"check"`
}

type checkDocument struct {
	At       source.Section
	Interval source.Scalar `key:"interval"`
	Fall     source.Scalar `key:"fall"`
	Rise     source.Scalar `key:"rise"`
}
