package inventory

import (
	"time"

	"github.com/kplb/kplb/source"
)

func readVRRP(c *source.Collector, d *vrrpDocument, cluster *Cluster) VRRP {
	usual := cluster.Profile.pace()
	version := source.Read(c, d.Version, source.Whole(2, 3), defaultVersion)
	v := VRRP{
		Version:         version,
		VirtualRouterID: source.Read(c, d.VirtualRouterID, source.Whole(1, 255), defaultRouterID(cluster.Name)),
		AdvertInterval:  source.Read(c, d.AdvertInterval, advertInterval(version), usual.advertInterval(version)),
		Mode:            Mode(source.Read(c, d.Mode, source.OneOf([]string{string(Unicast), string(Multicast)}, nil), string(Unicast))),
		Failback:        source.Read(c, d.Failback, source.TrueOrFalse, false),
		Watch:           usual.watch,
	}
	if d.Auth.At.Given && version == 3 {
		c.AddSecret(d.Auth.At.Pos, "vrrp.auth needs VRRP version 2: version 3 has no authentication (RFC 5798)",
			"leave auth out, or write version: 2")
	}
	v.Auth = readAuth(c, &d.Auth)
	v.Extra = VRRPExtra{
		Global:   readAll(c, d.Extra.Global.Items, keepalivedLine),
		Instance: readAll(c, d.Extra.Instance.Items, keepalivedLine),
	}
	return v
}

// advertInterval parses what an advert has room for: version 3 counts in
// hundredths of a second, version 2 in seconds.
func advertInterval(version int) source.Parser[time.Duration] {
	if version == 3 {
		return source.Span(10*time.Millisecond, 40*time.Second, 10*time.Millisecond)
	}
	parse := source.Span(time.Second, 255*time.Second, time.Second)
	return func(s source.Scalar) (time.Duration, *source.Fault) {
		d, f := parse(s)
		if sent, ok := source.ParseSpan(s.Text); f != nil && ok && sent%time.Second != 0 {
			f = source.Refuse("is not in whole seconds, as VRRP version 2 counts", "write 1s, or version: 3")
		}
		return d, f
	}
}

// readAuth reads where the password of version 2 comes from.
func readAuth(c *source.Collector, d *authDocument) *Secret {
	if !d.At.Given {
		return nil
	}
	if d.At.OK && d.At.Empty {
		c.AddSecret(d.At.Pos, d.At.Path+" is empty", authHint)
	}
	given := 0
	for _, p := range []source.Place{d.FromEnv.Place, d.FromFile.Place, d.FromCommand.Place} {
		if p.Given {
			given++
			if given > 1 {
				c.AddSecret(p.Pos, p.Path+" is a second place for one secret", "keep one of fromEnv, fromFile and fromCommand")
			}
		}
	}
	return &Secret{
		Env:     source.Read(c, d.FromEnv, variable, ""),
		File:    source.Read(c, d.FromFile, operatorPath, ""),
		Command: readAll(c, d.FromCommand.Items, argument),
	}
}
