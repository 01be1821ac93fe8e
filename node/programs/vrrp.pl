# VRRP, ARP and neighbour discovery as one node sees them. Needs Socket, and
# nothing else of perl's.
#
#   listen SECONDS INTERFACE INDEX MAC ADDRESS VIP,... [NONCE...]   prints what arrives, each thing once:
#       listening [arp] [nd]                          from now on; with those that it can ask by, where the interface has a MAC
#       has MAC VIP                                   who says that it has a VIP
#       vrrp ADDRESS VERSION VRID PRIORITY            who sends adverts
#       probe NONCE ADDRESS                           a packet of `send`, with one of these nonces
#   send INDEX ADDRESS VIP NONCE PEER/MAC...        to hosts, or to VRRP's multicast group; prints:
#       kept PEER                                     our own firewall does not let it out
#       sent                                          all are on their way
use strict;
use warnings;
use Socket qw(:DEFAULT IPPROTO_IP IP_ADD_MEMBERSHIP pack_ip_mreq AF_INET6 inet_ntop inet_pton pack_sockaddr_in6);

use constant { VRRP => 112, AF_PACKET => 17, ETH_IP => 0x0800, ETH_ARP => 0x0806, IPPROTO_RAW => 255, SO_BINDTODEVICE => 25, EPERM => 1, MOST => 64 };
use constant { IPPROTO_IPV6 => 41, ICMP6 => 58, ICMP6_FILTER => 1, IPV6_MULTICAST_IF => 17, IPV6_MULTICAST_HOPS => 18, IPV6_MULTICAST_LOOP => 19, SOLICITATION => 135, ADVERTISEMENT => 136 };

# A probe is a VRRP packet of version 0 and type 15 for virtual router 0.
# There is no such version, type or router (RFC 9568, 5.2), and a receiver must
# drop each of them (7.1). keepalived 2.2 looks for an instance with the VRID
# first, finds none, as its VRIDs begin at 1, and reads no further
# (vrrp_dispatcher_read in vrrp_scheduler.c).
sub probe {
	my ($nonce) = @_;
	my $packet = pack('C6 n H32', 0x0f, 0, 0, 0, 0, 0, 0, $nonce);
	substr($packet, 6, 2) = checksum($packet);
	return $packet;
}

sub checksum {
	my $sum = unpack('%32n*', $_[0]);
	$sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
	return pack('n', ~$sum & 0xffff);
}

sub in_ip {
	my ($from, $to, $content) = @_;
	my $header = pack('C2 n3 C2 n a4 a4', 0x45, 0xc0, 20 + length($content), 0, 0x4000, 255, VRRP, 0, inet_aton($from), inet_aton($to));
	substr($header, 10, 2) = checksum($header);
	return $header . $content;
}

sub link_address {
	my ($ethertype, $index, $mac) = @_;
	return pack('S n i S C C a8', AF_PACKET, $ethertype, $index, 1, 0, 6, pack('H12', $mac =~ tr/://dr));
}

# A packet socket, as a packet that passes our own netfilter makes a connection
# of it: for the next 10 minutes what the peer sends would be its answer, and
# pass a firewall that lets no adverts in. Three of each, as one may get lost.
sub send_probes {
	my ($index, $address, $vip, $nonce, @peers) = @_;
	socket(my $s, AF_PACKET, SOCK_DGRAM, 0) or die "a packet socket: $!\n";
	for (@peers) {
		my ($peer) = split(m{/});
		print "kept $peer\n" if is_kept($vip, $peer);
	}
	for (1 .. 3) {
		for (@peers) {
			my ($peer, $at) = split(m{/});
			send($s, in_ip($address, $peer, probe($nonce)), 0, link_address(ETH_IP, $index, $at));
		}
		select(undef, undef, undef, 0.1);
	}
	print "sent\n";
}

# What passes by our own netfilter does not show what that would do. So one
# packet goes through it: from the VIP, for then it makes no connection that
# adverts belong to, and with a nonce that nobody waits for.
sub is_kept {
	my ($vip, $peer) = @_;
	socket(my $s, PF_INET, SOCK_RAW, IPPROTO_RAW) or return 0;
	return !defined(send($s, in_ip($vip, $peer, probe('0' x 32)), 0, pack_sockaddr_in(0, inet_aton($peer)))) && $! == EPERM;
}

my %said;

# Each thing once, and not without end.
sub say_once {
	my ($key, $line) = @_;
	return if $said{$key} || keys(%said) >= MOST;
	$said{$key} = 1;
	print "$line\n";
}

sub vrrp_socket {
	my ($interface, $address) = @_;
	socket(my $s, PF_INET, SOCK_RAW, VRRP) or die "a socket for VRRP: $!\n";
	setsockopt($s, SOL_SOCKET, SO_BINDTODEVICE, pack('Z*', $interface)) or die "$interface: $!\n";
	setsockopt($s, IPPROTO_IP, IP_ADD_MEMBERSHIP, pack_ip_mreq(inet_aton('224.0.0.18'), inet_aton($address)))
		or die "224.0.0.18 on $interface: $!\n";
	return $s;
}

sub take_vrrp {
	my ($packet, $wanted) = @_;
	return if length($packet) < 28;
	my $header = 4 * (ord($packet) & 15);
	my $source = inet_ntoa(substr($packet, 12, 4));
	my $vrrp = substr($packet, $header);
	return if length($vrrp) < 8;
	my ($kind, $vrid, $priority) = unpack('C3', $vrrp);
	if ($kind == 0x0f && length($vrrp) == 24) {
		my $nonce = unpack('x8 H32', $vrrp);
		print "probe $nonce $source\n" if delete $wanted->{$nonce};
	} elsif (($kind & 15) == 1) {
		say_once("$source $vrid", join(' ', 'vrrp', $source, $kind >> 4, $vrid, $priority));
	}
}

# An ARP probe has no sender's address (RFC 5227, 2.1.1), so that nobody learns
# anything from it; whoever has the VIP answers, and so does a second one.
sub arp_socket {
	my ($index, $mac) = @_;
	$mac =~ tr/://d;
	return unless $index =~ /^\d+$/ && $mac =~ /^[0-9a-f]{12}$/;
	socket(my $s, AF_PACKET, SOCK_DGRAM, unpack('S', pack('n', ETH_ARP))) or return;
	bind($s, pack('S n i S C C a8', AF_PACKET, ETH_ARP, $index, 0, 0, 0, '')) or return;
	return ($s, sub {
		my ($vip) = @_;
		my $ask = pack('n n C C n H12 a4 a6 a4', 1, 0x0800, 6, 4, 1, $mac, "\0" x 4, "\0" x 6, inet_aton($vip));
		send($s, $ask, 0, link_address(ETH_ARP, $index, 'ff' x 6));
	});
}

sub take_arp {
	my ($packet, @vips) = @_;
	return if length($packet) < 28;
	my $vip = inet_ntoa(substr($packet, 14, 4));
	return unless grep { $_ eq $vip } @vips;
	my $mac = join(':', unpack('(H2)6', substr($packet, 8, 6)));
	say_once("$mac $vip", "has $mac $vip");
}

# A neighbour solicitation goes to the group that whoever has the VIP listens
# to (RFC 4861, 7.2.2), and every one of them answers us alone. The kernel puts
# in our link-local address and the checksum. One of no address, as duplicate
# address detection sends it, would take the VIP from a node that is about to
# have it.
sub nd_socket {
	my ($interface, $index, $mac) = @_;
	$mac =~ tr/://d;
	return unless $index =~ /^\d+$/ && $mac =~ /^[0-9a-f]{12}$/;
	socket(my $s, AF_INET6, SOCK_RAW, ICMP6) or return;
	my @passes = (0xffffffff) x 8; # a bit for each type that does not
	$passes[ADVERTISEMENT >> 5] &= ~(1 << (ADVERTISEMENT & 31));
	setsockopt($s, ICMP6, ICMP6_FILTER, pack('L8', @passes)) or return;
	setsockopt($s, SOL_SOCKET, SO_BINDTODEVICE, pack('Z*', $interface)) or return;
	setsockopt($s, IPPROTO_IPV6, IPV6_MULTICAST_IF, pack('i', $index)) or return;
	setsockopt($s, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, pack('i', 255)) or return;
	setsockopt($s, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, pack('i', 0)) or return; # we know what we have ourselves
	return ($s, sub {
		my $target = inet_pton(AF_INET6, $_[0]);
		my $group = inet_pton(AF_INET6, 'ff02::1:ff00:0') | ("\0" x 13 . substr($target, 13));
		send($s, pack('C C n N a16 C C H12', SOLICITATION, 0, 0, 0, $target, 1, 1, $mac), 0, pack_sockaddr_in6(0, $group, $index));
	});
}

sub take_nd {
	my ($packet, @vips) = @_;
	return if length($packet) < 24 || ord($packet) != ADVERTISEMENT;
	my $target = substr($packet, 8, 16);
	my ($vip) = grep { inet_pton(AF_INET6, $_) eq $target } @vips;
	return unless defined $vip;
	for (my $at = 24; $at + 8 <= length($packet); ) {
		my ($option, $length) = unpack('C2', substr($packet, $at, 2));
		if ($option == 2 && $length == 1) { # the target's link-layer address
			my $mac = join(':', unpack('(H2)6', substr($packet, $at + 2, 6)));
			say_once("$mac $vip", "has $mac $vip");
		}
		return unless $length;
		$at += 8 * $length;
	}
}

sub listen_for {
	my ($seconds, $interface, $index, $mac, $address, $vips, @nonces) = @_;
	my (@vips4, @vips6);
	push @{ /:/ ? \@vips6 : \@vips4 }, $_ for split(/,/, $vips);
	my %wanted = map { $_ => 1 } @nonces;
	my $vrrp = @vips4 ? vrrp_socket($interface, $address) : undef;
	my ($arp, $ask) = @vips4 ? arp_socket($index, $mac) : ();
	my ($nd, $solicit) = @vips6 ? nd_socket($interface, $index, $mac) : ();
	undef $nd if $nd && grep { !defined($solicit->($_)) } @vips6; # without an IPv6 address there
	my $over = 0;
	local $SIG{ALRM} = sub { $over = 1 };
	alarm($seconds);
	print join(' ', 'listening', $arp ? 'arp' : (), $nd ? 'nd' : ()), "\n";
	print "VRRP over IPv6 is not listened to\n" unless $vrrp;
	my $ready = '';
	vec($ready, fileno($_), 1) = 1 for grep { defined } $vrrp, $arp, $nd;
	my ($asked, $left) = (0, 3);
	until ($over) {
		if ($left > 0 && time() != $asked) {
			$asked = time();
			$left--;
			if ($ask) { $ask->($_) for @vips4 }
			if ($nd) { $solicit->($_) for @vips6 }
		}
		my $have = $ready;
		next if select($have, undef, undef, 0.25) <= 0;
		if ($vrrp && vec($have, fileno($vrrp), 1) && defined recv($vrrp, my $packet, 2048, 0)) { take_vrrp($packet, \%wanted) }
		if ($arp && vec($have, fileno($arp), 1) && defined recv($arp, my $packet, 2048, 0)) { take_arp($packet, @vips4) }
		if ($nd && vec($have, fileno($nd), 1) && defined recv($nd, my $packet, 2048, 0)) { take_nd($packet, @vips6) }
	}
}

$| = 1;
my $verb = shift(@ARGV) || '';
if ($verb eq 'listen') {
	listen_for(@ARGV);
} elsif ($verb eq 'send') {
	send_probes(@ARGV);
} else {
	die "listen or send\n";
}
