package inventory

import "github.com/kplb/kplb/source"

type metricsDocument struct {
	At          source.Section
	Listen      source.Scalar `key:"listen"`
	Port        source.Scalar `key:"port"`
	AllowFrom   source.Words  `key:"allowFrom"`
	TextfileDir source.Scalar `key:"textfileDir"`
}
