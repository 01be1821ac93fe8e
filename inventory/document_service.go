package inventory

type serviceDocument struct {
	At              section
	Name            scalar           `key:"name" required:"true"`
	VIP             scalar           `key:"vip"`
	Port            scalar           `key:"port" required:"true"`
	NodePort        scalar           `key:"nodePort" required:"true"`
	Nodes           selectorDocument `key:"nodes"`
	SessionAffinity scalar           `key:"sessionAffinity"`
	TimeoutSeconds  scalar           `key:"timeoutSeconds"`
	ProxyProtocol   scalar           `key:"proxyProtocol"`
	SourceRanges    words            `key:"sourceRanges"`
	Check           scalar           `key:"check"`
}

// selectorDocument says which nodes: the word all, or labels.
type selectorDocument struct {
	At     section
	Word   scalar
	Labels pairs `key:"labels"`
}

// pairs is a mapping whose keys are a person's own.
type pairs struct {
	place
	items []pair
}

type pair struct {
	at    Position // of the key
	key   string
	value scalar
}
