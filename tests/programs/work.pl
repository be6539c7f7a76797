# A large hash of arrays, sorted, and a long string.
use strict;
use warnings;

my %table;
for my $i (1 .. 400000) {
    $table{"k" . ($i * 7919 % 1000003)} = [$i, "v$i"];
}
my $sum = 0;
$sum += $table{$_}[0] for sort keys %table;
my $text = join(",", map { "$_" x 3 } 1 .. 200000);
print "$sum ", length($text), "\n";
