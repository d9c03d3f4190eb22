# Shared by all plots: white ground, light grid, colours that the colour-blind can tell apart.
set border 3 linecolor rgb '#8a94a0' linewidth 1
set tics nomirror out textcolor rgb '#333a42'
set grid xtics ytics linecolor rgb '#e3e7eb' linetype 1 linewidth 1
set key textcolor rgb '#333a42' samplen 2 spacing 1.1
set xlabel textcolor rgb '#333a42'
set ylabel textcolor rgb '#333a42'
set title textcolor rgb '#14181d'
blue = '#0b6fa4'
pale = '#9cc7df'
red = '#c8372d'
orange = '#d98704'
array shade[8] = ['#0b6fa4', '#d98704', '#2a8f5b', '#8a4fa3', '#b5651d', '#d1578a', '#5f6c7b', '#4fa3a5']
time_tics = '"1 µs" 1e-6, "10 µs" 1e-5, "100 µs" 1e-4, "1 ms" 1e-3, "10 ms" 1e-2, "100 ms" 0.1, "1 s" 1, "10 s" 10, "1 min" 60, "10 min" 600, "1 h" 3600, "10 h" 36000'
