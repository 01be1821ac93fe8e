package vrrp

import (
	"slices"
	"testing"
)

func TestTiming(t *testing.T) {
	t.Parallel()
	const cut = "an apiserver cut off: new connections wait 500ms at most, until it is marked down within 3s"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"defaults: three adverts of 250 ms, and the skew of priority 240", threeNodes, []string{
			"the holder's power or link lost: the VIP moves within 770ms",
			"its HAProxy dead: within 20ms; frozen: within 4.02s",
			"its keepalived killed: the next node takes the VIP within 770ms; until then the old holder answers",
			"its keepalived frozen: it is killed within 5s; for 4.23s two nodes have the VIP", cut,
		}},
		{"VRRP version 2 in whole seconds", threeNodes + "vrrp: {version: 2}\n", []string{
			"the holder's power or link lost: the VIP moves within 3.06s",
			"its HAProxy dead: within 60ms; frozen: within 4.06s",
			"its keepalived killed: the next node takes the VIP within 3.06s; until then the old holder answers",
			"its keepalived frozen: it is killed within 5s; for 1.94s two nodes have the VIP", cut,
		}},
		{"profile fast", threeNodes + "profile: fast\n", []string{
			"the holder's power or link lost: the VIP moves within 310ms",
			"its HAProxy dead: within 10ms; frozen: within 3.01s",
			"its keepalived killed: the next node takes the VIP within 310ms; until then the old holder answers",
			"its keepalived frozen: it is killed within 4.5s; for 4.19s two nodes have the VIP",
			"an apiserver cut off: new connections wait 250ms at most, until it is marked down within 1.5s",
		}},
		{"profile pi", threeNodes + "profile: pi\n", []string{
			"the holder's power or link lost: the VIP moves within 1.53s",
			"its HAProxy dead: within 30ms; frozen: within 7.03s",
			"its keepalived killed: the next node takes the VIP within 1.53s; until then the old holder answers",
			"its keepalived frozen: it is killed within 20s; for 18.47s two nodes have the VIP",
			"an apiserver cut off: new connections wait 1s at most, until it is marked down within 6s",
		}},
		{"an advert that is longer than keepalived may be silent", threeNodes + "vrrp: {advertInterval: 5s}\n", []string{
			"the holder's power or link lost: the VIP moves within 15.31s",
			"its HAProxy dead: within 310ms; frozen: within 4.31s",
			"its keepalived killed: the next node takes the VIP within 15.31s; until then the old holder answers",
			"its keepalived frozen: it is killed within 5s", cut,
		}},
		{"one node has nobody to move to", "nodes: [{name: a, address: 10.1.1.1}]\n", []string{cut}},
	} {
		if got := Timing(parsed(t, "vip: 10.1.233.1\n"+c.text)); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%q\nwant\n%q", c.name, got, c.want)
		}
	}
}
