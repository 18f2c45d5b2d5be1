%% Odd orders, great numbers and everything a peer may ask or say that nobody expects; as checks.erl, on whose functions they
%% stand. Processes of Erlang are never ended by exit/2 with a tuple while one of the node is linked to them: see spawn_here.
-module(odd_checks).
-compile([export_all, nowarn_export_all]).
-import(checks, [t/0, ask/1, ask/2, agent/0, do/2, heard/1, got/0, down/1, silent/1, eq/2, same/1, alive/0, peer/1, until/2]).

-define(WAIT, 15000).

%% Terms of every shape, as reasons and as anything else.
shapes() ->
    [a, 'a b', 'é', true, undefined, error, [], {}, #{}, "text", [0], [a | b], <<>>, <<"bytes">>, <<5:3>>, 0, -1, 1 bsl 70,
     0.0, -0.0, 1.0, {shutdown, a}, {shutdown, {a, "b"}}, {shutdown, normal}, {error, a}, {normal, a}, {a, []},
     {badarith, [{m, f, 1, []}]}, {{badmatch, {a, 1.0}}, [{m, f, [a, b], [{file, "m.erl"}, {line, 7}]}]}, {{nocatch, a}, []},
     #{error => a, 1 => 2, 1.0 => 3}, #{shutdown => a}, [{a, 1}, {b, 2}], self(), make_ref(), hd(erlang:ports()),
     fun lists:map/2, list_to_tuple(lists:seq(1, 300)), lists:duplicate(100, {a, <<0:80000>>})].

%%% Reasons

%% a reason of any shape reaches monitors, links and trapping processes as it is, from either side
shapes_of_reasons() ->
    process_flag(trap_exit, true),
    [begin
         Agent = agent(),
         Ref = monitor(process, Agent),
         link(Agent),
         Agent ! {exit, Reason},
         eq(lists:sort([{'DOWN', Ref, process, Agent, Reason}, {'EXIT', Agent, Reason}]), lists:sort([got(), got()]))
     end || Reason <- shapes()],
    Watching = agent(),
    ok = do(Watching, {trap, true}),
    [begin
         {Pid, Own} = spawn_monitor(fun() -> receive go -> exit(Reason) end end),
         Ref = do(Watching, {monitor, Pid}),
         ok = do(Watching, {link, Pid}),
         pong = do(Watching, ping),
         Pid ! go,
         eq(Reason, down(Own)),
         Expected = lists:sort([{'DOWN', Ref, process, Pid, Reason}, {'EXIT', Pid, Reason}]),
         eq(Expected, lists:sort([heard(Watching), heard(Watching)]))
     end || Reason <- shapes()],
    [begin
         ok = do(Watching, {exit2, self(), Reason}),
         eq({'EXIT', Watching, Reason}, got()),
         exit(Watching, Reason),
         eq({'EXIT', self(), Reason}, heard(Watching))
     end || Reason <- shapes()].

%% values, throws, exits and errors of any shape come out of erpc as they went in, from either side
shapes_by_erpc() ->
    [begin
         eq({throw, Term}, try erpc:call(t(), ts_fixture, toss, [Term]) catch throw:Thrown -> {throw, Thrown} end),
         eq({exit, Term}, try erpc:call(t(), ts_fixture, boom, [Term]) catch exit:{exception, Exit} -> {exit, Exit} end),
         eq({error, Term}, try erpc:call(t(), ts_fixture, raise, [Term]) catch error:{exception, Error, _} -> {error, Error} end),
         eq(term_to_binary(Term), term_to_binary(ask({erpc, node(), erlang, hd, [[Term]]})))
     end || Term <- shapes()].

%% to exit with kill, normal or killed by oneself is no kill, and links tell of it
exits_by_oneself() ->
    process_flag(trap_exit, true),
    [begin
         Agent = agent(),
         Ref = monitor(process, Agent),
         link(Agent),
         Agent ! {exit, Reason},
         eq(lists:sort([{'DOWN', Ref, process, Agent, Reason}, {'EXIT', Agent, Reason}]), lists:sort([got(), got()]))
     end || Reason <- [kill, killed, normal, noproc, noconnection, timeout]],
    {Untrapped, UntrappedRef} = spawn_monitor(fun() -> Agent = agent(), link(Agent), Agent ! {exit, kill}, got() end),
    eq(kill, down(UntrappedRef)),
    false = is_process_alive(Untrapped),
    {Normal, NormalRef} = spawn_monitor(fun() -> Agent = agent(), link(Agent), Agent ! {exit, normal}, receive on -> ok end end),
    silent(agent()),
    Normal ! on,
    eq(normal, down(NormalRef)).

%%% Connections

%% a node that connects again at once, many times, is answered each time
reconnect_at_once() ->
    {Peer, Node} = peer(in_a_hurry),
    T = t(),
    [begin
         pong = peer:call(Peer, net_adm, ping, [T]),
         eq(N, peer:call(Peer, gen_server, call, [{echo, T}, {echo, N}])),
         true = peer:call(Peer, erlang, disconnect_node, [T])
     end || N <- lists:seq(1, 50)],
    [begin
         peer:call(Peer, erlang, disconnect_node, [T]),
         until(Node, fun() -> ask({erpc, Node, erlang, node, []}) end) % what goes over the old connection is lost
     end || _ <- lists:seq(1, 20)],
    peer:stop(Peer).

%% processes that are linked and monitored hear of each connection that ends, and of each once
each_connection_ends_once() ->
    {Peer, Node} = peer(comes_again),
    T = t(),
    Agent = agent(),
    ok = do(Agent, {trap, true}),
    Far = peer:call(Peer, erlang, apply, [fun() -> spawn(fun() -> process_flag(trap_exit, true), timer:sleep(infinity) end) end, []]),
    [begin
         pong = peer:call(Peer, net_adm, ping, [T]),
         Ref = do(Agent, {monitor, Far}),
         ok = do(Agent, {link, Far}),
         eq(Node, ask({erpc, Node, erlang, node, []})),
         true = peer:call(Peer, erlang, disconnect_node, [T]),
         Heard = lists:sort([heard(Agent), heard(Agent)]),
         eq(lists:sort([{'DOWN', Ref, process, Far, noconnection}, {'EXIT', Far, noconnection}]), Heard)
     end || _ <- lists:seq(1, 10)],
    silent(Agent),
    true = peer:call(Peer, erlang, is_process_alive, [Far]),
    peer:stop(Peer).

%% what is monitored and linked here, from there, hears of a connection that ends
connection_ends_here() ->
    {Peer, _} = peer(holds_on),
    Agent = agent(),
    ok = do(Agent, {trap, true}),
    {Me, T} = {self(), t()},
    peer:call(Peer, erlang, apply, [fun() ->
        spawn(fun() ->
            process_flag(trap_exit, true),
            link(Agent),
            Refs = [monitor(process, Agent), monitor(process, {echo, T}), monitor(process, {nobody, T})],
            Noproc = receive {'DOWN', _, process, {nobody, T}, Why} -> Why end,
            Me ! {watching, Noproc},
            Me ! {heard, lists:sort([receive M -> M end || _ <- [1, 2, 3]]), Refs}
        end)
    end, []]),
    eq({watching, noproc}, got()),
    true = peer:call(Peer, erlang, disconnect_node, [T]),
    {'EXIT', _, noconnection} = heard(Agent),
    {heard, Heard, [ByPid, ByName, _]} = got(),
    Downs = [{'DOWN', ByPid, process, Agent, noconnection}, {'DOWN', ByName, process, {echo, T}, noconnection}],
    eq(lists:sort([{'EXIT', Agent, noconnection} | Downs]), Heard),
    pong = do(Agent, ping),
    peer:stop(Peer).

%% calls that wait when the connection ends fail, and the answer is lost
calls_cut_off() ->
    {Peer, _} = peer(is_cut_off),
    {Me, T} = {self(), t()},
    [peer:call(Peer, erlang, apply, [fun() ->
        spawn(fun() ->
            Request = gen_server:send_request({echo, T}, {sleep, 300}),
            Me ! sent,
            Me ! {answered, gen_server:wait_response(Request, 10000)}
        end)
    end, []]) || _ <- lists:seq(1, 20)],
    [sent = got() || _ <- lists:seq(1, 20)],
    true = peer:call(Peer, erlang, disconnect_node, [T]),
    [{answered, {error, {noconnection, _}}} = got() || _ <- lists:seq(1, 20)],
    pong = peer:call(Peer, net_adm, ping, [T]),
    ok = peer:call(Peer, gen_server, call, [{echo, T}, {sleep, 300}]),
    peer:stop(Peer).

%% a node of the same name, but another one, is told from the one before, and each hears what is said to it alone
same_name_again() ->
    [begin
         {Peer, Node} = peer(twin),
         Mine = peer:call(Peer, os, getpid, []),
         eq(Mine, ask({erpc, Node, os, getpid, []})),
         Agent = peer:call(Peer, gen_server, call, [{echo, t()}, {agent, self()}]),
         eq(pong, do(Agent, ping)),
         case Way of
             kill -> checks:kill_9(Peer);
             stop -> peer:stop(Peer)
         end
     end || Way <- [kill, stop, kill, kill, stop]],
    alive().

%% a name that was freed is taken again, and means who has it now
name_taken_again() ->
    [begin
         Agent = ask({start_named, taken_again}),
         eq(Agent, erpc:call(t(), erlang, whereis, [taken_again])),
         Ref = monitor(process, {taken_again, t()}),
         {taken_again, t()} ! {self(), N, ping},
         eq({N, pong}, got()),
         Agent ! {exit, N},
         eq({'DOWN', Ref, process, {taken_again, t()}, N}, got()),
         eq(undefined, erpc:call(t(), erlang, whereis, [taken_again]))
     end || N <- lists:seq(1, 50)],
    {taken_again, t()} ! nobody_hears_it,
    Late = monitor(process, {taken_again, t()}),
    eq({'DOWN', Late, process, {taken_again, t()}, noproc}, got()).

%% a request that it cannot make sense of is answered, and it goes on
senseless_requests() ->
    [{error, _} = ask(Request) || Request <- [nonsense, {nonsense, 1}, {size, x}, {length, x}, {length, [a | b]}, "nonsense", 7, #{}]],
    Agent = ask({start_named, is_taken}),
    {error, _} = ask({start_named, is_taken}),
    eq(pong, do(Agent, ping)),
    exit(Agent, kill),
    gen_server:cast({echo, t()}, nonsense),
    gen_server:cast({echo, t()}, {send, nobody, nonsense}),
    [{echo, t()} ! Message || Message <- [nonsense, {}, {x}, {x, y}, {'$gen_call', x, y}, {'$gen_call', {self(), []}, x}, {'$gen_cast'},
                                          {'$gen_call', {x, y}, z}, {'EXIT', self(), x}, {system, x, y}, {io_request, self(), x, y}]],
    receive {[], {error, _}} -> ok after ?WAIT -> error(no_answer) end,
    alive().

%%% Great numbers

%% a thousand monitors of one process fire once each, and those that were taken back do not
thousand_monitors() ->
    Agent = agent(),
    {Kept, Dropped} = lists:split(500, [monitor(process, Agent) || _ <- lists:seq(1, 1000)]),
    [true = demonitor(Ref) || Ref <- Dropped],
    Agent ! {exit, enough},
    [eq(enough, down(Ref)) || Ref <- Kept],
    silent(agent()),
    [begin
         Ref = monitor(process, Agent),
         eq(noproc, down(Ref))
     end || _ <- lists:seq(1, 100)].

%% a thousand processes of the node that are linked and monitored are heard of, each once
thousand_processes() ->
    process_flag(trap_exit, true),
    Agents = [begin Agent = agent(), link(Agent), {Agent, monitor(process, Agent)} end || _ <- lists:seq(1, 1000)],
    [Agent ! {exit, {N, enough}} || {N, {Agent, _}} <- lists:enumerate(Agents)],
    [begin
         receive {'EXIT', Agent, Linked} -> eq({N, enough}, Linked) after ?WAIT -> error({no_exit, N}) end,
         eq({N, enough}, down(Ref))
     end || {N, {Agent, Ref}} <- lists:enumerate(Agents)],
    silent(agent()).

%% a process of the node that watches a thousand of Erlang hears of each once
thousand_here() ->
    Agent = agent(),
    ok = do(Agent, {trap, true}),
    Pids = [spawn(fun() -> receive go -> exit(gone) end end) || _ <- lists:seq(1, 1000)],
    Refs = [begin ok = do(Agent, {link, Pid}), do(Agent, {monitor, Pid}) end || Pid <- Pids],
    [ok = do(Agent, {demonitor, Ref}) || {N, Ref} <- lists:enumerate(Refs), N rem 2 =:= 0],
    [Pid ! go || Pid <- Pids],
    Expected = [{'EXIT', Pid, gone} || Pid <- Pids]
        ++ [{'DOWN', Ref, process, Pid, gone} || {N, {Ref, Pid}} <- lists:enumerate(lists:zip(Refs, Pids)), N rem 2 =:= 1],
    eq(lists:sort(Expected), lists:sort([heard(Agent) || _ <- Expected])),
    silent(Agent).

%% links that are made and taken back from both sides at once end as neither, or as both, have them
links_crossing() ->
    process_flag(trap_exit, true),
    Agent = agent(),
    [begin
         Refs = [make_ref() || _ <- lists:seq(1, 8)],
         [begin
              Agent ! {self(), Ref, {case rand:uniform(2) of 1 -> link; 2 -> unlink end, self()}},
              case rand:uniform(2) of 1 -> link(Agent); 2 -> unlink(Agent) end
          end || Ref <- Refs],
         [receive {Ref, ok} -> ok after ?WAIT -> error(no_answer) end || Ref <- Refs],
         eq(pong, do(Agent, ping))
     end || _ <- lists:seq(1, 100)],
    link(Agent),
    unlink(Agent),
    eq(pong, do(Agent, ping)),
    {links, Links} = process_info(self(), links),
    false = lists:member(Agent, Links),
    ok = do(Agent, {unlink, self()}),
    Ref = monitor(process, Agent),
    Agent ! {exit, bye},
    eq({'DOWN', Ref, process, Agent, bye}, got()).

%%% Functions

%% a call that is given up does not hinder those after it, and its answer comes to nobody
erpc_timeouts() ->
    [begin
         ok = try erpc:call(t(), ts_fixture, sleep, [200], 0) catch error:{erpc, timeout} -> ok end,
         ok = try erpc:call(t(), ts_fixture, sleep, [200], 1) catch error:{erpc, timeout} -> ok end
     end || _ <- lists:seq(1, 50)],
    eq(slept, erpc:call(t(), ts_fixture, sleep, [300], infinity)),
    Slow = [erpc:send_request(t(), ts_fixture, sleep, [1000]) || _ <- lists:seq(1, 100)],
    eq(3, erpc:call(t(), ts_fixture, add, [1, 2], 900)),
    [eq({response, slept}, erpc:wait_response(Request, ?WAIT)) || Request <- Slow],
    silent(agent()).

%% a process that called and ended meanwhile is no hindrance
callers_that_end() ->
    [begin
         {Pid, Ref} = spawn_monitor(fun() -> erpc:call(t(), ts_fixture, sleep, [50]) end),
         erlang:yield(),
         exit(Pid, kill),
         eq(killed, down(Ref))
     end || _ <- lists:seq(1, 100)],
    [begin
         {Pid, Ref} = spawn_monitor(fun() -> ask({sleep, 50}) end),
         erlang:yield(),
         exit(Pid, kill),
         eq(killed, down(Ref))
     end || _ <- lists:seq(1, 100)],
    alive().

%% a server that waits is not kept from others' requests
sleeps_beside() ->
    Requests = [gen_server:send_request({echo, t()}, {sleep, 1000}) || _ <- lists:seq(1, 100)],
    [eq(N, ask({echo, N})) || N <- lists:seq(1, 100)],
    eq(timeout, gen_server:wait_response(hd(Requests), 0)),
    [eq({reply, ok}, gen_server:wait_response(Request, ?WAIT)) || Request <- Requests].

%% numbers are added as Erlang does it
adds() ->
    [eq(A + B, erpc:call(t(), ts_fixture, add, [A, B])) || A <- [0, -7, 1 bsl 53, 1 bsl 200, 1.5], B <- [1, 1 bsl 64, -0.5]].

%% spawns take the options that there are, by whatever name, and refuse what is none
spawn_options() ->
    process_flag(trap_exit, true),
    Plain = [{priority, low}, {min_heap_size, 1000}, {fullsweep_after, 0}, {message_queue_data, off_heap}, {max_heap_size, 0},
             {min_bin_vheap_size, 100}],
    Pid = spawn_opt(t(), ts_fixture, hello, [self()], Plain),
    eq({hello, Pid, t()}, got()),
    {Both, Ref} = spawn_opt(t(), ts_fixture, hello_exit, [self(), bye], [link, {monitor, [{tag, tagged}]} | Plain]),
    Messages = [got(), got(), got()],
    [true = lists:member(Message, Messages) || Message <- [{hello, Both, t()}, {'EXIT', Both, bye}, {tagged, Ref, process, Both, bye}]],
    Bad = [spawn_request(t(), ts_fixture, idle, [], Options) || Options <- [[nonsense], [link, {nonsense, 1}]]],
    [eq({spawn_reply, Request, error, badopt}, got()) || Request <- Bad],
    {Nothing, NothingRef} = spawn_monitor(t(), nothing, nothing, [1, 2]),
    {undef, [{nothing, nothing, [1, 2], _} | _]} = down(NothingRef),
    false = Nothing =:= self(),
    Long = spawn(t(), ts_fixture, hello_exit, [self(), lists:seq(1, 100000)]),
    eq({hello, Long, t()}, got()),
    alive().

%% a process is started however large its arguments, and ends however large its reason, while others are served
large_reasons() ->
    process_flag(trap_exit, true),
    Large = checks:crypto_free_bytes_of(3000000),
    Reasons = [Large, [Large, {Large, 1.0}], binary_to_list(Large), lists:seq(1, 300000), #{Large => [Large]},
               maps:from_list([{N, <<N>>} || N <- lists:seq(1, 100000)]), {Large, [{m, f, 1, []}]}],
    [begin
         Pid = spawn_link(t(), ts_fixture, F, [self(), Reason]),
         eq({hello, Pid, t()}, got()),
         {'EXIT', Pid, Got} = got(),
         true = Got =:= Reason
     end || F <- [hello_exit], Reason <- Reasons],
    [{exception, Got} = try erpc:call(t(), ts_fixture, boom, [Reason]) catch exit:Exit -> Exit end || Reason <- Reasons, Got <- [Reason]],
    alive().

%%% Tools

%% whatever observer, the shell, rpc and their like ask of a node is answered with undef or noproc, in time
tools_ask() ->
    Asked = [{observer_backend, sys_info, []}, {observer_backend, get_table, [self(), x, x]}, {observer_backend, procs_info, [self()]},
             {erlang, memory, []}, {erlang, system_info, [otp_release]}, {erlang, processes, []}, {erlang, system_flag, [x, y]},
             {application, which_applications, []}, {code, get_object_code, [lists]}, {code, is_loaded, [lists]},
             {erts_debug, get_internal_state, [x]}, {net_kernel, get_net_ticktime, []}, {init, stop, []}, {os, cmd, ["halt"]},
             {appmon_info, start_link2, [self()]}, {dbg, tracer, []}, {ttb, start, []}, {msacc, available, []}, {etop, start, []},
             {shell, start, []}, {shell, whereis, []}, {user_drv, start, []}, {group, start, [self(), x]}, {global, sync, []}],
    [{badrpc, {'EXIT', {undef, _}}} = rpc:call(t(), M, F, A, ?WAIT) || {M, F, A} <- Asked, {M, F} =/= {code, x}],
    [{badrpc, _} = rpc:block_call(t(), M, F, A, ?WAIT) || {M, F, A} <- [{erlang, node, []}, {nothing, nothing, []}]],
    [{'EXIT', {noproc, _}} = (catch gen_server:call({Name, t()}, x, ?WAIT))
     || Name <- [kernel_sup, application_controller, code_server, user, init, logger, erts_code_purger]],
    rpc:cast(t(), init, stop, []),
    rpc:abcast([t()], no_such_name, x),
    rpc:sbcast([t()], no_such_name, x),
    [_ = (catch Ask()) || Ask <- [fun() -> sys:get_status({echo, t()}, 50) end, fun() -> sys:suspend({echo, t()}, 50) end,
                                   fun() -> net_kernel:allow([x]) end, fun() -> supervisor:which_children({net_sup, t()}) end,
                                   fun() -> net_adm:world_list(['127.0.0.1']) end]],
    net_kernel:allow([]),
    alive().

%% signals that have no meaning for its processes are of no consequence
meaningless_signals() ->
    Agent = agent(),
    true = group_leader(self(), Agent),
    true = group_leader(group_leader(), Agent),
    [begin
         Agent ! Message,
         eq(Message, heard(Agent))
     end || Message <- [{a, b, c}, {self(), make_ref()}, {exit, a, b}, [], {self(), make_ref(), nonsense}, {self(), make_ref(), {nonsense, 1}},
                        {'DOWN', make_ref(), process, self(), x}, {'EXIT', self(), x}, {nodedown, t()}, {'$gen_cast', x}, #{type => 'DOWN'}]],
    eq(pong, do(Agent, ping)),
    erlang:send(Agent, nosuspend, [nosuspend, noconnect]),
    eq(nosuspend, heard(Agent)),
    seq_trace:set_token(label, {any, "label"}),
    Agent ! traced,
    eq(traced, heard(Agent)),
    pong = do(Agent, ping),
    eq(x, ask({echo, x})),
    eq(3, erpc:call(t(), ts_fixture, add, [1, 2])),
    Pid = spawn(t(), ts_fixture, hello_exit, [self(), traced]),
    eq({hello, Pid, t()}, got()),
    seq_trace:set_token([]),
    Last = monitor(process, Agent),
    seq_trace:set_token(label, 7),
    exit(Agent, traced),
    seq_trace:set_token([]),
    eq({'DOWN', Last, process, Agent, traced}, got()),
    alive().
