# What the jobs of the crash tests run: it does a little work and keeps a ledger of what truly ran.
#
#   perl worker.pl LEDGER QUEUE QUEUE_SLOTS WORKER_SLOTS WORK
#
# The witness is the kernel, not a clock. A file lock is held by whoever has the descriptor open,
# and descriptors are inherited: the lock on the job's file lives exactly as long as any process of
# the attempt's tree, daemons included. An attempt that cannot get it runs beside an older one and
# writes `overlap`; one that finds no free slot file runs beside too many and writes `crowded`.
use strict;
use warnings;
use Fcntl qw(:flock);
use POSIX ();

# Every descriptor is inherited.
$^F = 255;
my ( $ledger, $queue, $queue_slots, $worker_slots, $work ) = @ARGV;
my ( $job, $attempt ) = @ENV{qw(LONGHAUL_JOB_ID LONGHAUL_ATTEMPT)};

sub append {
    my ($path) = @_;
    open my $file, '>>', $path or die "cannot open $path: $!";
    return $file;
}

# Whoever looks for a slot looks alone, so that what is seen is true.
my $turn = append("$ledger/turn");
my $log  = append("$ledger/$job");
sub note { syswrite $log, "$_[0] $attempt $$\n" or die "cannot write the ledger: $!" }

my @held;

sub take_slot {
    my ( $name, $slots ) = @_;
    for my $slot ( 1 .. $slots ) {
        my $file = append("$ledger/slot.$name.$slot");
        return push @held, $file if flock $file, LOCK_EX | LOCK_NB;
    }
    note("crowded");
}

sub report {
    my ($news) = @_;
    return unless -p "$ledger/news";
    open my $pipe, '>', "$ledger/news" or die "cannot tell: $!";
    syswrite $pipe, "$news $job\n";
}

sub spawn {
    my ($run) = @_;
    my $pid = fork;
    defined $pid or die "cannot fork: $!";
    return if $pid;
    $run->();
    POSIX::_exit(127);
}

# A process in a session of its own that outlives everybody who asks it to end.
sub daemon {
    spawn( sub {
        POSIX::setsid();
        $SIG{TERM} = 'IGNORE';
        # Whoever holds the pipes is given a second to print.
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        # Nothing is executed: in the middle of that a process has no environment to be found by.
        sleep 600 while 1;
    } );
}

note("overlap") unless flock $log, LOCK_EX | LOCK_NB;
flock $turn, LOCK_EX or die "no turn: $!";
take_slot( "worker", $worker_slots );
take_slot( $queue, $queue_slots );
close $turn;
note("start");

if ( $work eq 'children' || $work eq 'once' ) {

    # Deaf to TERM: alive when the next server looks, until they end or are killed.
    $SIG{TERM} = 'IGNORE';
    for my $span ( 0.05 + rand 0.05, 0.05 + rand 0.25 ) {
        spawn( sub { exec 'sleep', $span } );
    }
    while ( wait != -1 ) { }
}
elsif ( $work eq 'daemon' ) {
    daemon();
}
elsif ( $work eq 'flaky' ) {
    if ( $attempt == 1 ) {
        note("fail");
        exit 3;
    }
}
elsif ( $work eq 'long' ) {
    report("ready");
    sleep 5;
}
elsif ( $work eq 'slow' ) {
    daemon();
    report("ready");
    sleep 600;
}
elsif ( $work eq 'stubborn' ) {
    $SIG{TERM} = sub { report("term") };
    daemon() for 1 .. 3;

    # Blocked until it waits: a signal that comes just before a `sleep` would not end that.
    POSIX::sigprocmask( POSIX::SIG_BLOCK, POSIX::SigSet->new(POSIX::SIGTERM) );
    report("ready");
    POSIX::sigsuspend( POSIX::SigSet->new ) while 1;
}
note("end");
