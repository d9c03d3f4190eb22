# Lag over virtual time: above, how late each copy was; below, how many were on their way.
load here.'/style.gp'
set multiplot layout 2,1 title run_title textcolor rgb '#14181d' margins 0.10,0.97,0.10,0.88 spacing 0.13
set xrange [0:end_s]

set label 1 'Lag of each copy, by the time of its commit' at graph 0,1.08 left textcolor rgb '#333a42'
set ylabel 'lag (logarithmic)'
set logscale y
eval 'set ytics ('.time_tics.')'
set key at graph 1.0,1.08 right center horizontal maxrows 1 width -3
bounded_count = sample_count - unbounded_count
if (bounded_count > 0) {
    stats $dots using 2 name 'dots' nooutput
    stats $peaks using 2 name 'peaks' nooutput
    low = 10**floor(log10(dots_min < peaks_min ? dots_min : peaks_min))
    high = 10**ceil(log10(peaks_max) + 0.3)
} else {
    low = 1e-3
    high = 10
}
set yrange [low:high]
if (bounded_count > 0 && unbounded_count > 0) {
    plot $dots using 1:2 with points pointtype 7 pointsize 0.35 linecolor rgb pale title 'a copy', \
         $peaks using 1:2 with linespoints pointtype 7 pointsize 0.3 linewidth 1.5 linecolor rgb blue title 'latest of its moment', \
         $never using 1:(high) with points pointtype 9 pointsize 1 linecolor rgb red title 'never arrived'
} else { if (bounded_count > 0) {
    plot $dots using 1:2 with points pointtype 7 pointsize 0.35 linecolor rgb pale title 'a copy', \
         $peaks using 1:2 with linespoints pointtype 7 pointsize 0.3 linewidth 1.5 linecolor rgb blue title 'latest of its moment'
} else {
    plot $never using 1:(high) with points pointtype 9 pointsize 1 linecolor rgb red title 'never arrived'
}}

unset logscale y
set ytics auto
set yrange [0:*]
set key off
set label 1 'Copies committed and not yet held' at graph 0,1.08 left textcolor rgb '#333a42'
set xlabel 'virtual time (s)'
set ylabel 'copies'
plot $missing using 1:2 with fillsteps fillstyle solid 0.25 noborder linecolor rgb orange notitle, \
     $missing using 1:2 with steps linewidth 1.5 linecolor rgb orange notitle
unset multiplot
