package inventory

import "time"

func readVRRP(c *collector, d *vrrpDocument, cluster *Cluster) VRRP {
	usual := cluster.Profile.pace()
	version := read(c, d.Version, whole(2, 3), defaultVersion)
	v := VRRP{
		Version:         version,
		VirtualRouterID: read(c, d.VirtualRouterID, whole(1, 255), defaultRouterID(cluster.Name)),
		AdvertInterval:  read(c, d.AdvertInterval, advertInterval(version), usual.advertInterval(version)),
		Mode:            Mode(read(c, d.Mode, oneOf([]string{string(Unicast), string(Multicast)}, nil), string(Unicast))),
		Failback:        read(c, d.Failback, trueOrFalse, false),
		Watch:           usual.watch,
	}
	if d.Auth.At.given && version == 3 {
		c.addSecret(d.Auth.At.at, "vrrp.auth needs VRRP version 2: version 3 has no authentication (RFC 5798)",
			"leave auth out, or write version: 2")
	}
	v.Auth = readAuth(c, &d.Auth)
	v.Extra = VRRPExtra{
		Global:   readAll(c, d.Extra.Global.items, keepalivedLine),
		Instance: readAll(c, d.Extra.Instance.items, keepalivedLine),
	}
	return v
}

// advertInterval parses what an advert has room for: version 3 counts in
// hundredths of a second, version 2 in seconds.
func advertInterval(version int) parser[time.Duration] {
	if version == 3 {
		return span(10*time.Millisecond, 40*time.Second, 10*time.Millisecond)
	}
	parse := span(time.Second, 255*time.Second, time.Second)
	return func(s scalar) (time.Duration, *fault) {
		d, f := parse(s)
		if sent, ok := parseSpan(s.text); f != nil && ok && sent%time.Second != 0 {
			f = &fault{"is not in whole seconds, as VRRP version 2 counts", "write 1s, or version: 3"}
		}
		return d, f
	}
}

// readAuth reads where the password of version 2 comes from.
func readAuth(c *collector, d *authDocument) *Secret {
	if !d.At.given {
		return nil
	}
	if d.At.ok && d.At.empty {
		c.addSecret(d.At.at, d.At.path+" is empty", authHint)
	}
	given := 0
	for _, p := range []place{d.FromEnv.place, d.FromFile.place, d.FromCommand.place} {
		if p.given {
			given++
			if given > 1 {
				c.addSecret(p.at, p.path+" is a second place for one secret", "keep one of fromEnv, fromFile and fromCommand")
			}
		}
	}
	return &Secret{
		Env:     read(c, d.FromEnv, variable, ""),
		File:    read(c, d.FromFile, operatorPath, ""),
		Command: readAll(c, d.FromCommand.items, argument),
	}
}
