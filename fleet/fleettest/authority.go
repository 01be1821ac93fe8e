package fleettest

import "github.com/kplb/kplb/apiserver/apiservertest"

// Authority is the CA of the stand-in clusters, and Stranger somebody else's.
var (
	Authority = apiservertest.NewCA("kubernetes")
	Stranger  = apiservertest.NewCA("somebody else")
)
