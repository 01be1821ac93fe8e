package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"github.com/kplb/kplb/distribution"
	"github.com/kplb/kplb/remote"
)

// Sum is the sha256 of a file's content, in hexadecimal; empty: there is no
// file.
type Sum string

// SumOf is the sum of a content.
func SumOf(content []byte) Sum {
	h := sha256.Sum256(content)
	return Sum(hex.EncodeToString(h[:]))
}

// form is how programs write it.
func (s Sum) form() string {
	if s == "" {
		return "absent"
	}
	return string(s)
}

// Owner is whom a file belongs to.
type Owner struct{ UID, GID int }

func (o Owner) String() string { return fmt.Sprintf("%d:%d", o.UID, o.GID) }

// StagedFile is one file of a change.
type StagedFile struct {
	Path    string // absolute, without spaces
	Mode    fs.FileMode
	Owner   Owner
	Before  Sum    // of what has to be there now
	Content []byte // of the new file; not empty
	Remove  bool   // instead: there is no file afterwards
}

// StagedCertificate is the apiserver's new serving certificate and its key: from
// a generation that the node keeps, or issued by what its
// distribution has for that.
type StagedCertificate struct {
	Path       string // absolute, without spaces
	KeyPath    string // likewise
	Config     []byte // from which it is issued, as the distribution has made it; nil: it is the generation's
	Generation int
	Before     Sum // of the certificate that has to be there now
	Mode       fs.FileMode
	Owner      Owner // of the certificate; its key is root's
}

// StageRequest is a change that a node is to prepare.
type StageRequest struct {
	Txn         string // names the change
	Token       string // of the lock that its operator holds
	About       string // whose change it is, in one line
	Files       []StagedFile
	Certificate *StagedCertificate // nil: it stays
	Paths       []string           // whose state belongs to a generation
	Window      time.Duration      // in whole seconds, after which the node reverts the change, unless it is renewed or confirmed
	VIPs        []netip.Addr       // which the node gives up where it had none before
	Interface   string             // of the VIPs
	QuickPort   uint16             // of an apiserver that is restarted quickly; 0: as kubelet does it
	Number      int                // of the cluster's generation that the change makes
	Record      []byte             // of the cluster, which is kept with the generation
}

// Stage has a node check a change and prepare it: whether the files are as they
// were seen, can be written, and are accepted by the daemons. Nothing of the
// system changes, and what is refused leaves nothing.
func Stage(ctx context.Context, h Host, d distribution.Distribution, q StageRequest) error {
	return run(ctx, h, q.script(d), nil)
}

func (q StageRequest) script(d distribution.Distribution) remote.Script {
	var list strings.Builder
	data := map[string][]byte{"restore": restoreProgram(d.Layout()), "record": q.Record}
	for i, f := range q.Files {
		name, after := "file"+number(i), SumOf(f.Content)
		if f.Remove {
			after = ""
		}
		data[name] = f.Content
		fmt.Fprintf(&list, "%s %o %s %s %s %s\n", name, f.Mode.Perm(), f.Owner, f.Before.form(), after.form(), f.Path)
	}
	if c := q.Certificate; c != nil {
		source := "kept:" + number(c.Generation)
		if c.Config != nil {
			source, data["issuer"] = "issued", d.IssueIn(c.Config, basePath+"/stage/pki")
		}
		fmt.Fprintf(&list, "certificate %o %s %s %s %s\n", c.Mode.Perm(), c.Owner, c.Before.form(), source, c.Path)
		fmt.Fprintf(&list, "key 600 0:0 any %s %s\n", source, c.KeyPath)
	}
	vips := make([]string, len(q.VIPs))
	for i, vip := range q.VIPs {
		vips[i] = fmt.Sprintf("%s dev %s", netip.PrefixFrom(vip, vip.BitLen()), q.Interface)
	}
	s := layoutScript("stage", d.Layout(), map[string]string{
		"KPLB_FILES": list.String(), "KPLB_PATHS": strings.Join(q.Paths, " "),
		"KPLB_TXN": q.Txn, "KPLB_TOKEN": q.Token, "KPLB_ABOUT": q.About,
		"KPLB_WINDOW": seconds(q.Window), "KPLB_VIP": strings.Join(vips, "\n"), "KPLB_QUICK": port(q.QuickPort), "KPLB_NUMBER": number(q.Number),
	})
	s.Files = data
	return s
}
