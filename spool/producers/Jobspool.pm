package Jobspool;

# Enqueues jobs for Jobspool, with Perl's core modules alone (5.14 or newer).
#
#     use Jobspool qw(run_background_job);
#     my $id = run_background_job('ExampleJob', 'execute', ['Sample Data'], priority => 8, delay => 60, retries => 3);
#
# usage: perl Jobspool.pm [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID]
# usage:                  [--traceparent T] [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]

use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);
use Fcntl qw(O_WRONLY O_CREAT O_EXCL O_RDONLY);
use IO::Handle;
use JSON::PP ();
use POSIX qw(strftime);
use Time::HiRes ();
use Time::Local ();

our @EXPORT_OK = qw(run_background_job);

my $ID_RULE = 'an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit';
my $JSON = JSON::PP->new->utf8->canonical;

# Enqueues a job and returns its id. Once it returns, the job is acknowledged: not even a power cut loses it.
#
# $params: a reference to an array of positional arguments, or to a hash passed as one argument; or to a text that is one of them in JSON (UTF-8),
# whose numbers keep all their digits: Perl's own have 15. Options: priority 1 to 10, higher runs
# first; delay in seconds, or at (epoch seconds, or a text such as 2026-11-22T10:15:00Z); retries, the attempts after the first (else the
# method's own); id, one of your own; traceparent and tracestate (W3C Trace Context); spool, the folder (else $JOBSPOOL_DIR, else
# ./var/spool). Dies with a sentence: for a wrong argument it begins with its name, else with "enqueue".
sub run_background_job {
    my ($class, $method, $params, %option) = @_;
    my ($priority, $id, $retries) = ($option{priority} // 5, @option{qw(id retries)});
    croak "priority: expected a whole number from 1 to 10, got $priority" unless $priority =~ /\A(?:[1-9]|10)\z/;
    croak "retries: expected a whole number from 0 on, got $retries" unless ($retries // 0) =~ /\A[0-9]+\z/;
    croak "id: $ID_RULE; got $id" unless ($id // 'x') =~ /\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z/;
    my $json = _params_json($params // []);
    my $body = { class => $class, method => $method // 'handle' };
    $body->{retries} = 0 + $retries if defined $retries;
    defined $option{$_} and $body->{$_} = "$option{$_}" for qw(traceparent tracestate);

    my $now = Time::HiRes::time();
    my $made = strftime('%Y%m%dT%H%M%S', gmtime $now) . sprintf('.%06dZ-%s', ($now - int $now) * 1e6, _noise());
    my $name = sprintf 'p%d-%s-%s.json', $priority, _run_at($now, @option{qw(delay at)}), $id // $made;
    my $spool = $option{spool} || $ENV{JOBSPOOL_DIR} || './var/spool';
    _publish($spool, $made, $name, $JSON->encode($body) =~ s/\}\z/,"params":$json}\n/r, defined $id);
    return $id // $made;
}

sub _params_json {
    my ($params) = @_;
    my $kind = ref $params eq 'SCALAR' ? ref eval { $JSON->decode($$params) } : ref $params;
    my $got = ref $params eq 'SCALAR' ? $$params : $params;
    croak "params: expected a reference to an array or a hash, or to one of them in JSON, got $got" unless $kind =~ /\A(?:ARRAY|HASH)\z/;
    return ref $params eq 'SCALAR' ? $$params : $JSON->encode($params);
}

# Not by rand alone: processes that were forked after its first use go on with the same numbers. Windows has nothing else.
sub _noise {
    my $bytes = '';
    if (open my $source, '<:raw', '/dev/urandom') { sysread $source, $bytes, 6 }
    return unpack 'H*', $bytes if length $bytes == 6;
    return sprintf '%06x%06x', rand 0x1000000, $$ & 0xffffff;
}

sub _run_at {
    my ($now, $delay, $at) = @_;
    croak 'expected a delay or a time (at), got both' if $delay && defined $at;
    croak "delay: expected a number of seconds from 0 on, got $delay" unless ($delay // 0) =~ /\A[0-9]+(?:\.[0-9]+)?\z/;
    # With a day that the calendar does not have, timegm dies.
    if (($at // '') =~ /\A(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{3})?Z\z/a) {
        return $at =~ tr/:-//dr if eval { defined Time::Local::timegm($6, $5, $4, $3, $2 - 1, $1) };
    }
    croak "at: expected a UTC time such as 2026-11-22T10:15:00Z, got $at" unless ($at // 0) =~ /\A[0-9]+(?:\.[0-9]+)?\z/;
    my $time = $at // ($delay ? $now + $delay : return 'now');
    return sprintf '%013d', POSIX::ceil($time * 1000);
}

sub _publish {
    my ($spool, $made, $name, $text, $is_own) = @_;
    my ($draft, $target) = ("$spool/tmp/$made.json", "$spool/incoming/$name");
    -d "$spool/incoming" or croak "enqueue a job: expected a spool in $spool, found none; start the service once, or set JOBSPOOL_DIR";
    sysopen(my $file, $draft, O_WRONLY | O_CREAT | O_EXCL, 0640) or croak "enqueue a job: $draft: $!; nothing was enqueued";
    my $failed = sub { my $why = "$!"; unlink $draft; croak "enqueue a job: $_[0]: $why; nothing was enqueued" };
    # The service may be another user of the spool's group: whatever the umask, it may read the file, and nobody but its owner may change it.
    chmod 0640, $file;
    (print {$file} $text) && $file->flush && $file->sync && close $file or $failed->($draft);
    # An id of the caller's own may be there already: a rename would replace that request, a link does not.
    ($is_own ? link $draft, $target : rename $draft, $target) or $failed->($target);
    unlink $draft if $is_own;
    # The name itself survives a power cut once its folder is synced; Windows syncs no folders.
    return if $^O eq 'MSWin32';
    my $is_open = sysopen my $folder, "$spool/incoming", O_RDONLY;
    $is_open && $folder->sync or croak "enqueue a job: sync $spool/incoming: $!; a power cut may lose the job still";
}

sub main {
    require Getopt::Long;
    Getopt::Long::Configure('require_order');
    my %option;
    my @names = map { "$_=s" } qw(priority delay at retries id traceparent tracestate);
    if (!Getopt::Long::GetOptions(\%option, @names) || @ARGV < 1 || @ARGV > 3) {
        open my $self, '<', __FILE__;
        print {*STDERR} map { s/^# usage: // ? $_ : () } <$self>;
        exit 2;
    }
    my ($class, $method, $params) = @ARGV;
    my $id = eval {
        utf8::decode($_) for grep { defined } $class, $method;
        run_background_job($class, $method, defined $params ? \$params : [], %option);
    };
    print "$id\n" and exit 0 if defined $id;
    print {*STDERR} $@ =~ s/ at \S+ line \d+\.?\n.*//sr, "\n";
    exit($@ =~ /\Aenqueue/ ? 1 : 2);
}

main() unless caller;

1;
