function mpc = grid
% Made for this example: a load centre (bus 2) fed over two corridors and by a small unit of its own. Nothing in it is
% taken from a real grid. Corridor 1-2: two circuits of unequal reactance, the first one 5 % above its rating. Corridor 3-2:
% two equal circuits, each at 55 % of its rating.
mpc.version = '2';
mpc.baseMVA = 100;
%	bus	type	Pd	Qd	Gs	Bs	area	Vm	Va	baseKV	zone	Vmax	Vmin
mpc.bus = [
	1	3	0	0	0	0	1	1	0	220	1	1.1	0.9;
	2	2	200	20	0	0	1	1	0	220	1	1.1	0.9;
	3	2	0	0	0	0	1	1	0	220	1	1.1	0.9;
];
%	bus	Pg	Qg	Qmax	Qmin	Vg	mBase	status	Pmax	Pmin
mpc.gen = [
	1	114	0	150	-150	1	200	1	200	0;
	3	60	0	100	-100	1	150	1	120	0;
	2	26	0	100	-100	1	100	1	30	0;
];
%	fbus	tbus	r	x	b	rateA	rateB	rateC	ratio	angle	status	angmin	angmax
mpc.branch = [
	1	2	0	0.08	0	80	0	0	0	0	1	-360	360;
	1	2	0	0.224	0	100	0	0	0	0	1	-360	360;
	3	2	0	0.1	0	55	0	0	0	0	1	-360	360;
	3	2	0	0.1	0	55	0	0	0	0	1	-360	360;
];
