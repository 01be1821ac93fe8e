package node

import (
	"context"
	"strings"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/remote"
)

// LevelRequest gives a node the cluster's generation, where the change of the others
// changes nothing.
type LevelRequest struct {
	Txn    string   // names the change
	Token  string   // of the lock that its operator holds
	About  string   // whose change it is, in one line
	Number int      // of the generation
	Record []byte   // of the cluster
	Paths  []string // whose state belongs to a generation
	Keep   int      // how many generations stay, beside the one from before kplb
}

// Level keeps what is there now under the number of the cluster's generation. It touches
// no daemon, and can be asked again where the answer was lost.
func Level(ctx context.Context, h Host, l distribution.Layout, q LevelRequest) error {
	return run(ctx, h, q.script(l), nil)
}

func (q LevelRequest) script(l distribution.Layout) remote.Script {
	s := layoutScript("level", l, map[string]string{
		"KPLB_TXN": q.Txn, "KPLB_TOKEN": q.Token, "KPLB_ABOUT": q.About, "KPLB_NUMBER": number(q.Number),
		"KPLB_PATHS": strings.Join(q.Paths, " "), "KPLB_KEEP": number(q.Keep),
	})
	s.Files = map[string][]byte{"record": q.Record}
	return s
}
