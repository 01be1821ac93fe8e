package remote

// Keywords says what becomes of each keyword of ssh_config(5).
func Keywords() map[string]string {
	table := map[string]string{}
	for _, k := range keywords {
		table[k.name] = k.treatment.String()
	}
	return table
}
