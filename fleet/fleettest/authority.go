package fleettest

import (
	"github.com/kplb/kplb/apiserver/apiservertest"
	"github.com/kplb/kplb/plan/plantest"
)

// Authority is the CA of the stand-in clusters, and Stranger somebody else's.
var (
	Authority = plantest.CA
	Stranger  = apiservertest.NewCA("somebody else")
)
