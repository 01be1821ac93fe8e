# Says that the node answers.

record done
