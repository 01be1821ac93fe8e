//go:build faults

package faults

func nodeFaults() []fault { return nil }
func linkFaults() []fault { return nil }
func diskFaults() []fault { return nil }
func placeFaults() []fault { return nil }
func fileFaults() []fault { return nil }
func daemonFaults() []fault { return nil }
func lockFaults() []fault { return nil }
func tamperFaults() []fault { return nil }
func secretFaults() []fault { return nil }
func calmFaults() []fault { return nil }
func firstFaults() []fault { return nil }
