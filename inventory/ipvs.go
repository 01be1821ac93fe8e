package inventory

// IPVSConfig is how keepalived looks after the kernel's virtual server, with
// exposure: ipvs.
type IPVSConfig struct{ Check ServerCheck }

// ServerCheck is how keepalived looks at an apiserver.
type ServerCheck string

// The checks. Neither of them verifies a certificate: keepalived does not.
const (
	CheckSSL ServerCheck = "ssl" // /readyz over TLS
	CheckTCP ServerCheck = "tcp" // a connection
)
