# Reads the administrator's kubeconfig, which kubeadm has left on the node.

record_data kubeconfig </etc/kubernetes/admin.conf
record done
