%% The checks of global that real Erlang makes of the interop node: as those of checks.erl, on whose functions they stand. The
%% nodes here are all of one partition, unless a check cuts it.
-module(global_checks).
-compile([export_all, nowarn_export_all]).
-import(checks, [t/0, ask/1, eq/2, until/2, alive/0, kill_9/1]).

-define(WAIT, 15000).

%%% What the checks use

idle() -> spawn(timer, sleep, [infinity]).

%% A node that takes part in global, and is told what to do by another way than its connections. Each has a name of its own: of
%% one that comes back too soon Erlang's nodes believe, by a word that was for its former life, that it is in sync.
peer(Name) -> start(lists:concat([Name, "_", erlang:unique_integer([positive])])).

start(Name) ->
    Kernel = case application:get_env(kernel, prevent_overlapping_partitions) of
        {ok, false} -> ["-kernel", "prevent_overlapping_partitions", "false"];
        _ -> []
    end,
    Args = ["-setcookie", atom_to_list(erlang:get_cookie()), "-start_epmd", "false", "-kernel", "net_ticktime", "4",
            "-pa", filename:dirname(code:which(?MODULE))] ++ Kernel,
    Options = #{name => Name, host => "127.0.0.1", longnames => true, connection => standard_io, args => Args},
    {ok, Peer, Node} = peer:start_link(Options),
    {Peer, Node}.

prevents() -> application:get_env(kernel, prevent_overlapping_partitions) =/= {ok, false}.

at(Peer, M, F, A) -> peer:call(Peer, M, F, A, ?WAIT).

%% A process of that node that waits.
idle_at(Peer) -> at(Peer, erlang, spawn, [timer, sleep, [infinity]]).

meet(Peer) -> pong = at(Peer, net_adm, ping, [t()]), meet(Peer, at(Peer, erlang, node, [])).

%% Until all three count on each other: before, one that loses another is nobody's business.
meet(Peer, Node) ->
    ok = at(Peer, global, sync, []),
    All = lists:sort([node(), t(), Node]),
    Known = fun(Self, Others) -> lists:sort([Self | [Other || Other <- Others, lists:member(Other, All)]]) end,
    until(All, fun() -> Known(node(), gen_server:call(global_name_server, get_known)) end),
    until(All, fun() -> Known(t(), server(get_known)) end),
    until(All, fun() -> Known(Node, at(Peer, gen_server, call, [global_name_server, get_known])) end),
    until(true, fun() -> lists:member(Node, nodes()) andalso lists:member(Node, ask(nodes)) end).

%% Everyone who is asked has that owner of the name, in the end.
owned(Name, Pid, Peers) ->
    until(Pid, fun() -> global:whereis_name(Name) end),
    until(Pid, fun() -> ask({whereis_global, Name}) end),
    [until(Pid, fun() -> at(Peer, global, whereis_name, [Name]) end) || Peer <- Peers],
    ok.

owned(Name, Pid) -> owned(Name, Pid, []).

%% Nobody has locked anything on any of the nodes.
no_locks(Peers) ->
    until([], fun() -> ets:tab2list(global_locks) end),
    [until([], fun() -> at(Peer, ets, tab2list, [global_locks]) end) || Peer <- Peers],
    Probe = {global, {probe, self()}},
    until(true, fun() -> server({set_lock, Probe}) end),
    true = server({del_lock, Probe}),
    ok.

server(Request) -> gen_server:call({global_name_server, t()}, Request, ?WAIT).

%% The nodes are partitions that do not overlap, with those two in different ones. Which of the others goes with whom, if any,
%% is a matter of what arrives first.
apart(One, Two) ->
    until(true, fun() ->
        Sees = [{node(), nodes()}, {t(), ask(nodes)} | [{at(Peer, erlang, node, []), at(Peer, erlang, nodes, [])} || Peer <- [One, Two]]],
        All = [Node || {Node, _} <- Sees],
        Partitions = lists:usort([lists:sort([Node | [Other || Other <- Others, lists:member(Other, All)]]) || {Node, Others} <- Sees]),
        lists:sort(All) =:= lists:sort(lists:append(Partitions)) andalso length(Partitions) > 1
    end).

stop(Peer, Node) ->
    peer:stop(Peer),
    until(false, fun() -> lists:member(Node, ask(nodes)) end),
    until(false, fun() -> lists:member(Node, nodes()) end).

%% The driver has been parted from the node as well when partitions must not overlap.
back() ->
    until(pong, fun() -> net_adm:ping(t()) end),
    ok = global:sync(),
    alive().

%%% Sees the node end and come again.
outlives() ->
    ok = global:sync(),
    Here = idle(),
    yes = global:register_name(outlives, Here),
    First = global:whereis_name(ts_global),
    true = is_pid(First),
    io:format("in sync: with ~s~n", [t()]),
    until(undefined, fun() -> global:whereis_name(ts_global) end),
    until([], fun() -> ets:tab2list(global_locks) end),
    io:format("alone: without ~s~n", [t()]),
    back(),
    Second = global:whereis_name(ts_global),
    true = is_pid(Second) andalso Second =/= First,
    owned(outlives, Here),
    no_locks([]).

%%% The checks

%% global:sync returns, and the names of the node are known then
global_sync() ->
    ok = global:sync(),
    Counter = erpc:call(t(), erlang, whereis, [counter]),
    eq(Counter, global:whereis_name(ts_global)),
    eq(Counter, ask({whereis_global, ts_global})),
    eq(undefined, ask({whereis_global, nobody_has_it})),
    ok = ask(sync_global),
    true = lists:member(t(), gen_server:call(global_name_server, get_synced)),
    eq([node()], [N || N <- server(get_synced), N =:= node()]),
    eq([node()], [N || N <- server(get_known), N =:= node()]),
    8 = server(get_protocol_version).

%% names that are registered on either side are known on both when that returns, and are given once
global_register() ->
    Here = idle(),
    yes = global:register_name(of_erlang, Here),
    eq(Here, ask({whereis_global, of_erlang})),
    {no, _} = ask({register_global, of_erlang}),
    {yes, There} = ask({register_global, of_ts}),
    eq(There, global:whereis_name(of_ts)),
    no = global:register_name(of_ts, idle()),
    eq([], [of_erlang, of_ts, ts_global] -- global:registered_names()),
    ok = gen_server:call({global, ts_global}, reset),
    eq(1, gen_server:call({global, ts_global}, inc)),
    no_locks([]).

%% names of every kind of term are the same on both sides
global_terms() ->
    Names = ["text", <<"binary">>, {room, 1, 1.0}, [a | b], 1 bsl 70, #{a => 1}, make_ref(), self(), 'å', []],
    [begin
         Pid = idle(),
         yes = global:register_name(Name, Pid),
         eq(Pid, ask({whereis_global, Name})),
         {no, _} = ask({register_global, Name}),
         ok = ask({unregister_global, Name}),
         eq(undefined, global:whereis_name(Name)),
         {yes, There} = ask({register_global, Name}),
         eq(There, global:whereis_name(Name)),
         global:unregister_name(Name)
     end || Name <- Names],
    no_locks([]).

%% names are taken back from either side
global_unregister() ->
    global:unregister_name(of_ts),
    eq(undefined, ask({whereis_global, of_ts})),
    {yes, _} = ask({register_global, of_ts}),
    ok = ask({unregister_global, of_erlang}),
    eq(undefined, global:whereis_name(of_erlang)),
    ok = ask({unregister_global, of_ts}),
    eq([], [Name || Name <- global:registered_names(), lists:member(Name, [of_erlang, of_ts])]),
    no_locks([]).

%% a name ends with its process, wherever that is
global_owner_ends() ->
    {yes, There} = ask({register_global, mortal}),
    exit(There, kill),
    owned(mortal, undefined),
    Here = idle(),
    yes = global:register_name(mortal, Here),
    exit(Here, kill),
    owned(mortal, undefined),
    {yes, Again} = ask({register_global, mortal}),
    owned(mortal, Again),
    exit(Again, kill),
    owned(mortal, undefined).

%% a name is given to another process from either side, and the first owner's end is nothing to it then
global_re_register() ->
    [First, Second] = [idle(), idle()],
    yes = global:register_name(moves, First),
    There = ask({re_register_global, moves}),
    owned(moves, There),
    exit(First, kill),
    yes = global:re_register_name(moves, Second),
    owned(moves, Second),
    exit(There, kill),
    ok = gen_server:call({echo, t()}, {sleep, 1}),
    owned(moves, Second),
    exit(Second, kill),
    owned(moves, undefined).

%% of many who want a name at once on both sides, exactly one is given it
global_race() ->
    Me = self(),
    [begin
         Name = {raced_for, Round},
         [spawn_link(fun() -> Me ! {answer, global:register_name(Name, idle())} end) || _ <- lists:seq(1, 3)],
         [spawn_link(fun() -> {Answer, _} = ask({register_global, Name}), Me ! {answer, Answer} end) || _ <- lists:seq(1, 3)],
         Answers = [receive {answer, Answer} -> Answer after 30000 -> error(no_answer) end || _ <- lists:seq(1, 6)],
         eq([no, no, no, no, no, yes], lists:sort(Answers)),
         Pid = global:whereis_name(Name),
         eq(Pid, ask({whereis_global, Name})),
         exit(Pid, kill),
         owned(Name, undefined)
     end || Round <- lists:seq(1, 5)],
    no_locks([]).

%% locks are granted to one requester at a time, given back, and end with their holder
global_locks() ->
    Id = {a_resource, self()},
    true = global:set_lock(Id),
    true = global:set_lock(Id),
    false = global:set_lock({a_resource, another}, [t()], 0),
    false = global:set_lock({a_resource, another}, [node(), t()], 0),
    true = global:set_lock({another_resource, another}, [t()], 0),
    true = global:del_lock({another_resource, another}, [t()]),
    true = global:del_lock({a_resource, another}, [t()]), % of nobody
    false = global:set_lock({a_resource, another}, [t()], 0),
    true = global:del_lock(Id),
    {Holder, Ref} = spawn_monitor(fun() -> true = global:set_lock({a_resource, self()}) end),
    receive {'DOWN', Ref, process, Holder, normal} -> ok after ?WAIT -> error(no_lock) end,
    until(true, fun() -> global:set_lock(Id, [node(), t()], 0) end),
    true = global:del_lock(Id),
    eq(done, global:trans(Id, fun() -> done end, [node(), t()])),
    eq(aborted, global:trans({global, x}, fun() -> global:trans({global, y}, fun() -> no end, [t()], 0) end, [t()])),
    no_locks([]).

%% the node waits with a name while its own lock is held by Erlang
global_waits_for_lock() ->
    Id = {global, {checks, self()}},
    true = global:set_lock(Id),
    Me = self(),
    spawn_link(fun() -> Me ! {registered, ask({register_global, patient})} end),
    eq(undefined, ask({whereis_global, patient})),
    ok = ask({sleep, 300}),
    receive {registered, _} -> error(did_not_wait) after 0 -> ok end,
    eq(undefined, global:whereis_name(patient)),
    true = global:del_lock(Id),
    Pid = receive {registered, {yes, Given}} -> Given after 30000 -> error(waits_for_ever) end,
    owned(patient, Pid),
    exit(Pid, kill),
    no_locks([]).

%% names of processes that run no Erlang are kept with the node that registered them
global_external() ->
    Pid = idle(),
    yes = global:register_name_external(outside, Pid),
    owned(outside, Pid),
    eq([{outside, Pid, node()}], server(get_names_ext)),
    {Peer, Node} = peer(hears_of_external),
    meet(Peer),
    eq([{outside, Pid, node()}], at(Peer, gen_server, call, [global_name_server, get_names_ext])),
    global:unregister_name_external(outside),
    owned(outside, undefined, [Peer]),
    eq([], server(get_names_ext)),
    stop(Peer, Node).

%% a node that comes has all names, and its own are known; when it is killed they are gone; when it comes again they are new
global_node_restarts() ->
    [begin
         {Peer, Node} = start(comes_and_goes),
         Pid = idle_at(Peer),
         yes = at(Peer, global, register_name, [of_peer, Pid]),
         meet(Peer),
         owned(of_peer, Pid, [Peer]),
         eq(erpc:call(t(), erlang, whereis, [counter]), at(Peer, global, whereis_name, [ts_global])),
         {yes, There} = ask({register_global, while_it_is_there}),
         eq(There, at(Peer, global, whereis_name, [while_it_is_there])),
         no_locks([Peer]),
         kill_9(Peer),
         owned(of_peer, undefined),
         exit(There, kill),
         owned(while_it_is_there, undefined),
         until(false, fun() -> lists:member(Node, nodes()) end),
         back()
     end || _ <- lists:seq(1, 3)],
    no_locks([]).

%% of two who have a name when their nodes meet, one keeps it: the one on the lesser node, as OTP's default has it
global_conflict() ->
    [begin
         {Peer, Node} = peer(Alive),
         Theirs = idle_at(Peer),
         yes = at(Peer, global, register_name, [disputed, Theirs]),
         {yes, Ours} = ask({register_global, disputed}),
         [OursRef, TheirsRef] = [monitor(process, Pid) || Pid <- [Ours, Theirs]],
         meet(Peer),
         {Kept, LostRef} = case Node < t() of true -> {Theirs, OursRef}; false -> {Ours, TheirsRef} end,
         receive {'DOWN', LostRef, process, _, killed} -> ok after ?WAIT -> error(both_live) end,
         owned(disputed, Kept, [Peer]),
         receive {'DOWN', _, process, _, Why} -> error({ended, Why}) after 0 -> ok end,
         [demonitor(Ref) || Ref <- [OursRef, TheirsRef]],
         no_locks([Peer]),
         exit(Kept, kill),
         owned(disputed, undefined, [Peer]),
         stop(Peer, Node)
     end || Alive <- [aa, zz]].

%% the methods of OTP that kill nobody are run for the node's processes, and by it
global_conflict_methods() ->
    [begin
         {Peer, Node} = peer(Alive),
         Theirs = idle_at(Peer),
         Me = self(),
         Ours = spawn(fun() -> receive Message -> Me ! {told, Message} end, timer:sleep(infinity) end),
         yes = at(Peer, global, register_name, [disputed, Theirs, fun global:Method/3]),
         yes = global:register_name(disputed, Ours, fun global:Method/3),
         meet(Peer),
         case Method of
             notify_all_name ->
                 receive {told, {global_name_conflict, disputed, Theirs}} -> ok after ?WAIT -> error(not_told) end,
                 owned(disputed, undefined, [Peer]);
             random_notify_name when Node < node() ->
                 receive {told, {global_name_conflict, disputed}} -> ok after ?WAIT -> error(not_told) end,
                 owned(disputed, Theirs, [Peer]);
             random_notify_name -> owned(disputed, Ours, [Peer])
         end,
         global:unregister_name(disputed),
         exit(Ours, kill),
         stop(Peer, Node)
     end || Alive <- [aa, zz], Method <- [random_notify_name, notify_all_name]].

%% a method that is a fun of Erlang's is run where the name was registered, whoever finds the conflict
global_conflict_fun() ->
    {Peer, Node} = peer(zz),
    Theirs = idle_at(Peer),
    yes = at(Peer, global, register_name, [disputed, Theirs]),
    [Me, Ours] = [self(), idle()],
    yes = global:register_name(disputed, Ours, fun(Name, Pid, _) -> Me ! {asked, Name, node()}, Pid end),
    meet(Peer),
    receive {asked, disputed, Where} -> eq(node(), Where) after ?WAIT -> error(not_asked) end,
    owned(disputed, Theirs, [Peer]),
    true = is_process_alive(Ours),
    no_locks([Peer]),
    global:unregister_name(disputed),
    stop(Peer, Node).

%% a conflict of one of its processes with one of a node that meets Erlang is settled where its process is
global_conflict_elsewhere() ->
    {Peer, Node} = peer(zz),
    Theirs = idle_at(Peer),
    yes = at(Peer, global, register_name, [disputed, Theirs]),
    {yes, Ours} = ask({register_global, disputed}),
    pong = at(Peer, net_adm, ping, [node()]),
    meet(Peer, Node),
    owned(disputed, Ours, [Peer]),
    until(false, fun() -> at(Peer, erlang, is_process_alive, [Theirs]) end),
    until(true, fun() -> lists:member(Node, ask(nodes)) end),
    exit(Ours, kill),
    owned(disputed, undefined, [Peer]),
    stop(Peer, Node).

%% nodes that each meet one of a partition know all of it in the end, and have the same names
global_three_nodes() ->
    {One, OneNode} = peer(one_of_three),
    {Two, TwoNode} = peer(two_of_three),
    [OnePid, TwoPid] = [idle_at(Peer) || Peer <- [One, Two]],
    yes = at(One, global, register_name, [of_one, OnePid]),
    yes = at(Two, global, register_name, [of_two, TwoPid]),
    Spawned = [spawn_link(fun() -> meet(Peer) end) || Peer <- [One, Two]],
    [begin Ref = monitor(process, Pid), receive {'DOWN', Ref, _, _, _} -> ok after ?WAIT -> error(no_meeting) end end || Pid <- Spawned],
    [owned(Name, Pid, [One, Two]) || {Name, Pid} <- [{of_one, OnePid}, {of_two, TwoPid}]],
    until(lists:sort([node(), t(), TwoNode]), fun() -> lists:sort(at(One, erlang, nodes, [])) end),
    until(true, fun() -> [] =:= ([OneNode, TwoNode] -- ask(nodes)) end),
    {yes, There} = ask({register_global, of_all}),
    owned(of_all, There, [One, Two]),
    no_locks([One, Two]),
    exit(There, kill),
    stop(One, OneNode),
    stop(Two, TwoNode),
    back().

%% when two others lose each other, it parts with both or with none, as it is told to; once healed the names are unique
global_cut_between_others() ->
    {One, OneNode} = peer(one_of_three),
    {Two, TwoNode} = peer(two_of_three),
    [meet(Peer) || Peer <- [One, Two]],
    until(true, fun() -> lists:member(TwoNode, at(One, gen_server, call, [global_name_server, get_known])) end),
    until(true, fun() -> lists:member(OneNode, at(Two, gen_server, call, [global_name_server, get_known])) end),
    [OnePid, TwoPid] = [idle_at(Peer) || Peer <- [One, Two]],
    yes = at(One, global, register_name, [of_one, OnePid]),
    {yes, There} = ask({register_global, of_ts}),
    true = at(One, erlang, disconnect_node, [TwoNode]),
    case prevents() of
        true ->
            apart(One, Two),
            until(undefined, fun() -> at(Two, global, whereis_name, [of_one]) end),
            eq(OnePid, at(One, global, whereis_name, [of_one])),
            yes = at(Two, global, register_name, [of_one, TwoPid]),
            [meet(Peer) || Peer <- [One, Two]],
            until(true, fun() -> [] =:= ([OneNode, TwoNode] -- ask(nodes)) end),
            owned(of_one, OnePid, [One, Two]);
        false ->
            owned(of_one, OnePid, [One]),
            until(true, fun() -> [] =:= ([OneNode, TwoNode] -- ask(nodes)) end),
            pong = at(Two, net_adm, ping, [OneNode]),
            ok = at(Two, global, sync, []),
            owned(of_one, OnePid, [One, Two])
    end,
    owned(of_ts, There, [One, Two]),
    {no, _} = ask({register_global, of_one}),
    no_locks([One, Two]),
    exit(There, kill),
    stop(One, OneNode),
    stop(Two, TwoNode),
    back().

%% when it loses a node that others see still, they part with it or go on, as they are told to
global_cut_from_it() ->
    {One, OneNode} = peer(cuts_it),
    meet(One),
    true = at(One, erlang, disconnect_node, [t()]),
    case prevents() of
        true -> until(false, fun() -> lists:member(t(), nodes()) andalso lists:member(OneNode, nodes()) end);
        false -> true = lists:member(OneNode, nodes())
    end,
    back(),
    meet(One),
    {yes, There} = ask({register_global, after_the_cut}),
    owned(after_the_cut, There, [One]),
    no_locks([One]),
    exit(There, kill),
    stop(One, OneNode),
    back().

%% it outlives what is no message of global's, and messages of attempts that are over
global_garbage() ->
    Server = {global_name_server, t()},
    [Server ! Message || Message <- [nonsense, {}, {init_connect}, [], <<"x">>, {'$gen_call', nobody, x}, {nodeup, x}, {nodedown, node()}]],
    [gen_server:cast(Server, Request) ||
        Request <- [nonsense, {exchange, node(), [], [], 4711}, {exchange, node(), x, y, z}, {lock_is_set, node(), 1, 2},
                    {resolved, node(), [], [], x, [], 4711}, {init_connect, 8, node(), x}, {async_del_name, x, self()},
                    {lock_set, self(), true, []}, {lock_set, self(), true, [], 4711}, {new_nodes, node(), [], [], [], [{vsn, 8}, {lock, {global, x}}]},
                    {in_sync, node(), true}, {init_connect, {3, 1}, 'old@127.0.0.1', {locker, x, #{}, self()}}]],
    Server ! {cancel_connect, node(), 4711},
    Server ! {lost_connection, node(), 1, 1, 'nobody@127.0.0.1'},
    Server ! {remove_connection, 'nobody@127.0.0.1'},
    alive(),
    eq(erpc:call(t(), erlang, whereis, [counter]), ask({whereis_global, ts_global})),
    {yes, Pid} = ask({register_global, after_garbage}),
    owned(after_garbage, Pid),
    exit(Pid, kill),
    no_locks([]).

%% without its server it leaves all others, and joins them again with the names of its own
global_server_ends() ->
    Here = idle(),
    yes = global:register_name(outlives_it, Here),
    {yes, There} = ask({register_global, keeps_it}),
    exit(erpc:call(t(), erlang, whereis, [global_name_server]), kill),
    until(false, fun() -> lists:member(t(), nodes()) end),
    until(undefined, fun() -> global:whereis_name(keeps_it) end),
    back(),
    owned(keeps_it, There),
    owned(outlives_it, Here),
    [exit(Pid, kill) || Pid <- [Here, There]],
    owned(keeps_it, undefined),
    owned(outlives_it, undefined),
    no_locks([]).
