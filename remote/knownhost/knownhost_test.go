package knownhost

import "testing"

// FuzzKnownHosts feeds the reader anything.
func FuzzKnownHosts(f *testing.F) {
	f.Add([]byte("n1,*,!n2 ssh-ed25519 AAAA\n@revoked |1|a|b x y\n"), "n1")
	const key = " ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl x\n"
	f.Add([]byte("n1,*,!n2"+key+"@revoked *?"+key+"@cert-authority |1|MDEy|MDEy"+key+"[n1]:22"+key), "n1")
	f.Fuzz(func(_ *testing.T, data []byte, name string) {
		var k Hosts
		k.Parse("f", data)
		k.Algorithms(name, []string{"ssh-ed25519", "rsa-sha2-512"})
		for _, l := range k.lines {
			k.State(name, l.key)
		}
	})
}
