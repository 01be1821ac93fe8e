package inventory

// The document types are the format kplb/v1alpha1 as it is written: what keys
// there are and where. What values they take is in the check files.
//
// Tags: key is the name in the file; secret forbids to echo anything below;
// required that the key cannot be left out.

type document struct {
	At           section
	APIVersion   scalar           `key:"apiVersion" required:"true"`
	Kind         scalar           `key:"kind" required:"true"`
	Name         scalar           `key:"name" required:"true"`
	VIP          vipsDocument     `key:"vip" required:"true"`
	DNSName      scalar           `key:"dnsName"`
	Port         scalar           `key:"port"`
	Distribution scalar           `key:"distribution"`
	Exposure     scalar           `key:"exposure"`
	Profile      scalar           `key:"profile"`
	Certificates scalar           `key:"certificates"`
	Endpoint     scalar           `key:"endpoint"`
	Firewall     scalar           `key:"firewall"`
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
	place
	items []vipDocument
}

type vipDocument struct {
	At        section
	Address   scalar `key:"address" required:"true"`
	Preferred scalar `key:"preferred"`
}

type nodeDocument struct {
	At        section
	Name      scalar          `key:"name" required:"true"`
	Address   words           `key:"address" required:"true"`
	Interface scalar          `key:"interface"`
	Priority  scalar          `key:"priority"`
	SSH       nodeSSHDocument `key:"ssh"`
	Labels    pairs           `key:"labels"`
}

type workerDocument struct {
	At      section
	Name    scalar          `key:"name" required:"true"`
	Address words           `key:"address" required:"true"`
	SSH     nodeSSHDocument `key:"ssh"`
	Labels  pairs           `key:"labels"`
}

// sshDocument is what all nodes can share.
type sshDocument struct {
	At           section
	User         scalar `key:"user"`
	Port         scalar `key:"port"`
	IdentityFile words  `key:"identityFile"`
	ProxyJump    words  `key:"proxyJump"`
}

type nodeSSHDocument struct {
	Host        scalar `key:"host"`
	sshDocument        // its keys, on the same level
}

type vrrpDocument struct {
	At              section
	Version         scalar            `key:"version"`
	VirtualRouterID scalar            `key:"virtualRouterID"`
	AdvertInterval  scalar            `key:"advertInterval"`
	Auth            authDocument      `key:"auth" secret:"true"`
	Mode            scalar            `key:"mode"`
	Failback        scalar            `key:"failback"`
	Extra           vrrpExtraDocument `key:"extra"`
}

type vrrpExtraDocument struct {
	At       section
	Global   words `key:"global"`
	Instance words `key:"instance"`
}

type authDocument struct {
	At          section
	FromEnv     scalar `key:"fromEnv"`
	FromFile    scalar `key:"fromFile"`
	FromCommand words  `key:"fromCommand"`
}

type haproxyDocument struct {
	At          section
	Port        scalar               `key:"port"`
	Balance     scalar               `key:"balance"`
	MaxConn     scalar               `key:"maxConn"`
	MonitorPort scalar               `key:"monitorPort"`
	Timeouts    timeoutsDocument     `key:"timeouts"`
	Check       checkDocument        `key:"check"`
	Extra       haproxyExtraDocument `key:"extra"`
	PeersPort   scalar               `key:"peersPort"`
}

type haproxyExtraDocument struct {
	At       section
	Global   words `key:"global"`
	Defaults words `key:"defaults"`
	Frontend words `key:"frontend"`
	Backend  words `key:"backend"`
}

type apiserverDocument struct {
	At      section
	Restart scalar `key:"restart"`
}

type ipvsDocument struct {
	At     section
	Method scalar `key:"method"`
	Check  scalar `key:"check"`
}

type timeoutsDocument struct {
	At      section
	Connect scalar `key:"connect"`
	Client  scalar `key:"client"`
	Server  scalar `key:"server"`
	Tunnel  scalar `key:"tunnel"`
	Check   scalar `key:"check"`
}

type checkDocument struct {
	At       section
	Interval scalar `key:"interval"`
	Fall     scalar `key:"fall"`
	Rise     scalar `key:"rise"`
}

// place is where something stands in the file.
type place struct {
	at     Position
	path   string // like nodes[1].address
	given  bool   // is in the file, rightly or wrongly
	hidden bool   // may be a secret
}

// section is the place of a mapping; every document type that is one has it.
type section struct {
	place
	ok    bool // is a mapping
	empty bool // has no keys
}

// scalar is a single value that still has to be given a type.
type scalar struct {
	place
	ok     bool // is a scalar
	kind   kind
	text   string
	quoted bool
}

// words is a single value or a list of them.
type words struct {
	place
	items []scalar
	list  bool // was written as a list
}
