# How many copies had arrived within a given lag. A curve that ends below 100 % never got the rest.
load here.'/style.gp'
set title run_title."\nShare of copies held within a given lag"
set xlabel 'lag (logarithmic)'
set ylabel 'copies held (%)'
set yrange [0:102]
set ytics 0,10,100
set logscale x
eval 'set xtics ('.time_tics.')'
set key bottom right
bounded_count = sample_count - unbounded_count
if (bounded_count > 0) {
    stats $all using 1 name 'all' nooutput
    low = 10**floor(log10(all_min))
    high = 10**ceil(log10(all_max) + 0.05)
    set xrange [low:high]
    if (node_count > 1) {
        plot for [i = 1:node_count] $nodes index i-1 using 1:2 with steps linewidth 1.2 linecolor rgb shade[i] title node_names[i], \
             $all using 1:2 with steps linewidth 2.5 linecolor rgb '#14181d' title 'all'
    } else {
        plot $all using 1:2 with steps linewidth 2.5 linecolor rgb blue title 'all'
    }
} else {
    set xrange [1e-3:10]
    set label 1 'no copy arrived' at graph 0.5,0.5 center textcolor rgb red
    plot -1 notitle
}
unset label
