package inventory

import "github.com/kplb/kplb/source"

type serviceDocument struct {
	At              source.Section
	Name            source.Scalar    `key:"name" required:"true"`
	VIP             source.Scalar    `key:"vip"`
	Port            source.Scalar    `key:"port" required:"true"`
	NodePort        source.Scalar    `key:"nodePort" required:"true"`
	Nodes           selectorDocument `key:"nodes"`
	SessionAffinity source.Scalar    `key:"sessionAffinity"`
	TimeoutSeconds  source.Scalar    `key:"timeoutSeconds"`
	ProxyProtocol   source.Scalar    `key:"proxyProtocol"`
	SourceRanges    source.Words     `key:"sourceRanges"`
	Check           source.Scalar    `key:"check"`
}

// selectorDocument says which nodes: the word all, or labels.
type selectorDocument struct {
	At     source.Section
	Word   source.Scalar
	Labels pairs `key:"labels"`
}

// pairs is a mapping whose keys are a person's own.
type pairs struct {
	source.Place
	items []pair
}

type pair struct {
	at    source.Position // of the key
	key   string
	value source.Scalar
}
