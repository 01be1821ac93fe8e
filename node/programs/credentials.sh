# Reads the administrator's kubeconfig.
#   KPLB_KUBECONFIG  its path

record_data kubeconfig <"$KPLB_KUBECONFIG"
record done
