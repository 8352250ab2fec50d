function mpc = strong_island
% An island of 100 MW: steam at bus 1, an infeed over one line at bus 2, demand at bus 3, a battery at bus 4.
% Without resistance there are no losses, so what the infeed gave is just what is missing after its line is lost.
mpc.version = '2';
mpc.baseMVA = 100;
%	bus	type	Pd	Qd	Gs	Bs	area	Vm	Va	baseKV	zone	Vmax	Vmin
mpc.bus = [
	1	3	0	0	0	0	1	1	0	110	1	1.1	0.9;
	2	2	0	0	0	0	1	1	0	110	1	1.1	0.9;
	3	1	100	10	0	0	1	1	0	110	1	1.1	0.9;
	4	2	0	0	0	0	1	1	0	110	1	1.1	0.9;
];
%	bus	Pg	Qg	Qmax	Qmin	Vg	mBase	status	Pmax	Pmin
mpc.gen = [
	1	90	0	100	-100	1	100	1	130	0;
	2	10	0	20	-20	1	20	1	10	0;
	4	0	0	20	-20	1	10	1	10	-10;
];
% Branches with a ratio are transformers: the only line is that of the infeed.
%	fbus	tbus	r	x	b	rateA	rateB	rateC	ratio	angle	status	angmin	angmax
mpc.branch = [
	1	3	0	0.05	0	200	200	200	1	0	1	-360	360;
	2	3	0	0.05	0	200	200	200	0	0	1	-360	360;
	4	3	0	0.05	0	200	200	200	1	0	1	-360	360;
];
