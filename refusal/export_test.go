package refusal

// ServiceFiles is serviceFiles, for tests.
var ServiceFiles = serviceFiles
