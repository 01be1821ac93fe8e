# Gives haproxy's runtime socket one command and prints the answer.
use strict;
use warnings;
use Socket;

socket(my $haproxy, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
connect($haproxy, sockaddr_un('/run/haproxy/admin.sock')) or die "connect: $!";
alarm 5;
syswrite($haproxy, "$ARGV[0]\n") or die "write: $!";
print while <$haproxy>;
