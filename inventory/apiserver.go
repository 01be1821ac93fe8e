package inventory

// APIServer is how the apiservers are looked after.
type APIServer struct{ Restart Restart }

// Restart is how an apiserver restarts whose manifest has changed.
type Restart string

// The restarts. Kubelet carries out both.
const (
	// Quick ends an apiserver that has closed its port after a few seconds, and
	// has kubelet start the next one at once: some 10 s.
	Quick Restart = "quick"
	// Graceful leaves both to kubelet, which waits for watches that do not end, and
	// then for its own timer: some 45 s.
	Graceful Restart = "graceful"
)
