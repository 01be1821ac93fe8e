# Where the cluster's distribution of Kubernetes has what, and under which names: no
# program names one of these by itself. Paths have no spaces. Programs that stay on
# the node have the values in their text instead, those of the change or the drill that
# they belong to.
#   KPLB_APISERVER_CONFIG           has the flags of the apiserver
#   KPLB_APISERVER_PROCESS          that listens on its port, as ss names it
#   KPLB_CONTROLLER_MANAGER_CONFIG  has the flags of the controller manager
#   KPLB_CA, KPLB_CA_KEY            of the cluster
#   KPLB_CERTIFICATE, KPLB_CERTIFICATE_KEY  that the apiserver serves
#   KPLB_CERTIFICATE_ISSUER         the command that issues these, before its configuration; empty: there is none
#   KPLB_KUBELET_KUBECONFIG         with which the kubelet finds the apiserver
#   KPLB_KUBELET_UNIT               of systemd

apiserver_config=$KPLB_APISERVER_CONFIG
apiserver_process=$KPLB_APISERVER_PROCESS
controller_manager_config=$KPLB_CONTROLLER_MANAGER_CONFIG
ca=$KPLB_CA
ca_key=$KPLB_CA_KEY
certificate=$KPLB_CERTIFICATE
certificate_key=$KPLB_CERTIFICATE_KEY
certificate_issuer=$KPLB_CERTIFICATE_ISSUER
kubelet_kubeconfig=$KPLB_KUBELET_KUBECONFIG
kubelet_unit=$KPLB_KUBELET_UNIT
