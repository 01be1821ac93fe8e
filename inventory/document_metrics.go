package inventory

type metricsDocument struct {
	At          section
	Listen      scalar `key:"listen"`
	Port        scalar `key:"port"`
	AllowFrom   words  `key:"allowFrom"`
	TextfileDir scalar `key:"textfileDir"`
}
