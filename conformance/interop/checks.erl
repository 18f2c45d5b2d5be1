%% The checks that real Erlang makes of the interop node (interop-node.md): each function of no arguments with a sentence
%% above it. `erl -s checks main -extra NODE MODULE:NAME ...` runs those that are named, in that order, each in a process of its
%% own, and prints `NAME: ok` or `NAME: not ok, REASON`. erlang.test.ts makes a test of each line. The other modules of this
%% folder stand on the functions of this one.
-module(checks).
-compile([export_all, nowarn_export_all]).

-define(WAIT, 15000).
-define(LIMIT, 60000).

main() ->
    [Node | Names] = init:get_plain_arguments(),
    persistent_term:put(peer, list_to_atom(Node)),
    pong = net_adm:ping(t()),
    register(bank, spawn(fun() -> bank(0) end)),
    [run(list_to_atom(Module), list_to_atom(Name)) || Check <- Names, [Module, Name] <- [string:split(Check, ":")]],
    halt().

%%% A node for the tests of the other direction: it has a bank, and ends by `stop`.
serve() ->
    register(bank, spawn(fun() -> bank(0) end)),
    io:format("serving: ~s~n", [os:getpid()]).

%%% A node that must not get a connection.
refused() ->
    [Node] = init:get_plain_arguments(),
    io:format("refused: ~s~n", [net_adm:ping(list_to_atom(Node))]),
    halt().

%%% A node that breaks down.
broken() -> erlang:halt("broken on purpose").

run(Module, Name) ->
    {Pid, Ref} = spawn_monitor(fun() -> Module:Name(), exit(passed) end),
    receive
        {'DOWN', Ref, process, Pid, passed} -> io:format("~s: ok~n", [Name]);
        {'DOWN', Ref, process, Pid, Reason} -> io:format("~s: not ok, ~0tP~n", [Name, Reason, 60])
    after ?LIMIT ->
        Where = process_info(Pid, current_stacktrace),
        exit(Pid, kill),
        io:format("~s: not ok, hangs at ~0tP~n", [Name, Where, 60])
    end.

%%% What the checks use

t() -> persistent_term:get(peer).

ask(Request) -> ask(echo, Request).
ask(Server, Request) -> gen_server:call({Server, t()}, Request, ?WAIT).

agent() ->
    Agent = ask({agent, self()}),
    true = is_pid(Agent),
    true = node(Agent) =:= t(),
    Agent.

do(Agent, Command) ->
    Ref = make_ref(),
    Agent ! {self(), Ref, Command},
    receive {Ref, Result} -> Result after ?WAIT -> error({no_answer, Command}) end.

heard(Agent) ->
    receive {agent, Agent, Message} -> Message after ?WAIT -> error(agent_is_silent) end.

got() ->
    receive Message -> Message after ?WAIT -> error(nothing_came) end.

down(Ref) ->
    receive {'DOWN', Ref, process, _, Reason} -> Reason after ?WAIT -> error(no_down) end.

%% All signals that the agent has sent us before have arrived once it has answered.
silent(Agent) ->
    pong = do(Agent, ping),
    receive Message -> error({came_all_the_same, Message}) after 0 -> ok end.

eq(Expected, Expected) -> ok;
eq(Expected, Got) -> error({expected, Expected, got, Got}).

same(Term) ->
    Got = ask({echo, Term}),
    eq(term_to_binary(Term), term_to_binary(Got)),
    true = Term =:= Got.

alive() -> eq(alive, ask({echo, alive})).

bank(Balance) ->
    receive
        {'$gen_call', {_, Tag} = From, Request} ->
            case Request of
                balance -> gen:reply(From, Balance), bank(Balance);
                {deposit, Amount} -> gen:reply(From, Balance + Amount), bank(Balance + Amount);
                {'div', A, B} -> gen:reply(From, A / B), bank(Balance);
                tag -> gen:reply(From, is_list(Tag)), bank(Balance);
                never -> bank(Balance);
                crash -> exit(out_of_money);
                {later, Pid} -> Pid ! {asked, From}, bank(Balance)
            end;
        {'$gen_cast', {set, Amount}} -> bank(Amount);
        {From, Message} -> From ! {bank, Message}, bank(Balance)
    end.

peer(Name) ->
    Tls = [Arg || Flag <- [proto_dist, ssl_dist_optfile], {ok, [[Value]]} <- [init:get_argument(Flag)],
                  Arg <- ["-" ++ atom_to_list(Flag), Value]],
    Args = Tls ++ ["-setcookie", atom_to_list(erlang:get_cookie()), "-start_epmd", "false", "-connect_all", "false",
                   "-pa", filename:dirname(code:which(?MODULE))],
    Options = #{name => Name, host => "127.0.0.1", longnames => true, connection => standard_io, args => Args},
    {ok, Peer, Node} = peer:start_link(Options),
    {Peer, Node}.

%% Until both sides know.
disconnect(Peer, Node, Agent) ->
    ok = do(Agent, {monitor_node, Node, true}),
    true = peer:call(Peer, erlang, disconnect_node, [t()]),
    eq({nodedown, Node}, heard(Agent)).

kill_9(Peer) ->
    unlink(Peer),
    [] = os:cmd("kill -9 " ++ peer:call(Peer, os, getpid, [])).

gone(Ref) -> receive {'DOWN', Ref, process, _, _} -> ok after ?WAIT -> error(lives_on) end.

port() ->
    {port, Port, 6} = erl_epmd:port_please(hd(string:split(atom_to_list(t()), "@")), {127, 0, 0, 1}),
    Port.

connect() ->
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, port(), [binary, {active, false}]),
    Socket.

closed(Socket) ->
    case gen_tcp:recv(Socket, 0, ?WAIT) of
        {ok, _} -> closed(Socket);
        {error, Reason} when Reason =:= closed; Reason =:= econnreset -> ok;
        {error, Reason} -> error({not_closed, Reason})
    end.

%% A connection as a hidden node that exists no further than this.
shake(Name) ->
    Socket = connect(),
    ok = inet:setopts(Socket, [{packet, 2}]),
    Flags = 16#d077d5fbc, % of OTP 25, without PUBLISHED, DIST_HDR_ATOM_CACHE and FRAGMENTS
    ok = gen_tcp:send(Socket, <<$N, Flags:64, 7:32, (byte_size(Name)):16, Name/binary>>),
    {ok, <<"sok">>} = gen_tcp:recv(Socket, 0, ?WAIT),
    {ok, <<$N, _:64, Challenge:32, _/binary>>} = gen_tcp:recv(Socket, 0, ?WAIT),
    Cookie = atom_to_list(erlang:get_cookie()),
    Digest = fun(Number) -> erlang:md5([Cookie, integer_to_list(Number)]) end,
    Ours = 4711,
    ok = gen_tcp:send(Socket, <<$r, Ours:32, (Digest(Challenge))/binary>>),
    Theirs = Digest(Ours),
    {ok, <<$a, Theirs:16/binary>>} = gen_tcp:recv(Socket, 0, ?WAIT),
    ok = inet:setopts(Socket, [{packet, 0}]),
    Socket.

%%% Nodes

%% a ping is answered, and the node is among the visible ones
ping() ->
    pong = net_adm:ping(t()),
    true = lists:member(t(), nodes()),
    false = lists:member(t(), nodes(hidden)).

%% EPMD tells the names and ports of both nodes, and nothing of one that there is not
names() ->
    {ok, Names} = net_adm:names(),
    {_, Port} = lists:keyfind(hd(string:split(atom_to_list(t()), "@")), 1, Names),
    Port = port(),
    {_, _} = lists:keyfind(hd(string:split(atom_to_list(node()), "@")), 1, Names),
    noport = erl_epmd:port_please("nobody", {127, 0, 0, 1}).

%% it lists the nodes that it is connected to, hidden ones too
nodes_of_it() ->
    true = lists:member(node(), ask(nodes)),
    {Peer, Node} = peer(hidden_one),
    pong = peer:call(Peer, net_adm, ping, [t()]),
    true = lists:member(Node, ask(nodes)),
    peer:stop(Peer).

%% a node with another cookie is refused, and the one it was refused by goes on
wrong_cookie() ->
    {Peer, _} = peer(stranger),
    true = peer:call(Peer, erlang, set_cookie, [t(), wrong]),
    pang = peer:call(Peer, net_adm, ping, [t()]),
    alive(),
    true = peer:call(Peer, erlang, set_cookie, [t(), erlang:get_cookie()]),
    pong = peer:call(Peer, net_adm, ping, [t()]),
    peer:stop(Peer).

%% connections that come and go, from either side, leave one that works
reconnect() ->
    {Peer, Node} = peer(comes_and_goes),
    Agent = agent(),
    [begin
         pong = peer:call(Peer, net_adm, ping, [t()]),
         disconnect(Peer, Node, Agent),
         eq(Node, ask({erpc, Node, erlang, node, []}))
     end || _ <- lists:seq(1, 20)],
    peer:stop(Peer).

%% two nodes that dial each other at once have one connection, and nothing sent over it is lost
simultaneous() ->
    {Peer, Node} = peer(dials_at_once),
    {Me, Agent} = {self(), agent()},
    pong = peer:call(Peer, net_adm, ping, [t()]),
    [begin
         disconnect(Peer, Node, Agent),
         spawn_link(fun() -> Me ! {pinged, peer:call(Peer, net_adm, ping, [t()])} end),
         eq(Node, ask({erpc, Node, erlang, node, []})),
         receive {pinged, Answer} -> eq(pong, Answer) after ?WAIT -> error(no_ping) end
     end || _ <- lists:seq(1, 30)],
    peer:stop(Peer).

%% a node that is killed is heard of: by nodedown, by monitors and by links
killed_node() ->
    {Peer, Node} = peer(is_killed),
    Far = peer:call(Peer, erlang, spawn, [timer, sleep, [infinity]]),
    Agent = agent(),
    ok = do(Agent, {trap, true}),
    ok = do(Agent, {monitor_node, Node, true}),
    Ref = do(Agent, {monitor, Far}),
    ok = do(Agent, {link, Far}),
    eq(Node, ask({erpc, Node, erlang, node, []})),
    kill_9(Peer),
    Heard = lists:sort([heard(Agent), heard(Agent), heard(Agent)]),
    eq(lists:sort([{nodedown, Node}, {'DOWN', Ref, process, Far, noconnection}, {'EXIT', Far, noconnection}]), Heard),
    false = lists:member(Node, ask(nodes)).

%% a pid of an earlier life of a node stands for nobody in the present one
old_incarnation() ->
    {Peer, Node} = peer(lives_twice),
    Old = peer:call(Peer, erlang, spawn, [timer, sleep, [infinity]]),
    eq(Node, ask({erpc, Node, erlang, node, []})),
    Agent = agent(),
    ok = do(Agent, {monitor_node, Node, true}),
    kill_9(Peer),
    eq({nodedown, Node}, heard(Agent)),
    {Again, Node} = peer(lives_twice),
    eq(Node, ask({erpc, Node, erlang, node, []})),
    same({Old, erlang:term_to_binary(Old)}),
    Ref = do(Agent, {monitor, Old}),
    eq({'DOWN', Ref, process, Old, noproc}, heard(Agent)),
    ok = do(Agent, {trap, true}),
    ok = do(Agent, {link, Old}),
    eq({'EXIT', Old, noproc}, heard(Agent)),
    ok = do(Agent, {send, Old, hello}),
    eq(Node, ask({erpc, Node, erlang, node, []})),
    peer:stop(Again).

%% monitor_node fires once for each time it was asked for, and not at all when it was taken back
monitor_node_counts() ->
    {Peer, Node} = peer(is_watched),
    Agent = agent(),
    [ok = do(Agent, {monitor_node, Node, On}) || On <- [true, true, true, false]],
    eq(Node, ask({erpc, Node, erlang, node, []})),
    peer:stop(Peer),
    {nodedown, Node} = heard(Agent),
    {nodedown, Node} = heard(Agent),
    silent(Agent).

%% monitor_node of Erlang hears of the node's connection that ends
nodedown_here() ->
    {Peer, _} = peer(hears_of_it),
    Me = self(),
    T = t(),
    ok = peer:call(Peer, erlang, apply, [fun() ->
        spawn(fun() ->
            true = net_kernel:connect_node(T),
            true = monitor_node(T, true),
            Me ! {watching, self()},
            receive {nodedown, T} -> Me ! {down, self()} end
        end),
        ok
    end, []]),
    Watcher = receive {watching, Pid} -> Pid after ?WAIT -> error(not_watching) end,
    true = peer:call(Peer, erlang, disconnect_node, [t()]),
    receive {down, Watcher} -> ok after ?WAIT -> error(no_nodedown) end,
    peer:stop(Peer).

%% idle connections are held by ticks alone, on both sides
ticks() ->
    true = net_kernel:get_net_ticktime() =:= 4,
    true = monitor_node(t(), true),
    Socket = shake(<<"ticks@127.0.0.1">>),
    inet:setopts(Socket, [{packet, 4}]),
    Ticks = ticks_until(Socket, erlang:monotonic_time(millisecond) + 9000, 0),
    true = Ticks >= 4,
    receive {nodedown, _} -> error(ticked_out) after 0 -> ok end,
    true = monitor_node(t(), false),
    alive(),
    gen_tcp:close(Socket).

%% Ticks arrive as frames without content, once all has been said; each frame is answered, so that the other side holds
%% the connection as well.
ticks_until(Socket, End, Count) ->
    case max(0, End - erlang:monotonic_time(millisecond)) of
        0 -> Count;
        Left ->
            case gen_tcp:recv(Socket, 0, Left) of
                {ok, _} -> ok = gen_tcp:send(Socket, <<>>), ticks_until(Socket, End, Count + 1);
                {error, timeout} -> Count
            end
    end.

%% a peer that says nothing any more is given up
silent_peer() ->
    Socket = shake(<<"silent@127.0.0.1">>),
    true = lists:member('silent@127.0.0.1', ask(nodes)),
    closed(Socket),
    false = lists:member('silent@127.0.0.1', ask(nodes)).

%% garbage in place of a handshake closes that connection and nothing else
garbage() ->
    Pieces = [<<0:8000>>, <<255, 255, 0:524280>>, <<0, 0>>, <<"GET / HTTP/1.1\r\n\r\n">>, <<0, 1, $N>>, <<0, 3, "sok">>,
              <<0, 15, $N, 0:64, 0:32, 65535:16>>] ++ [crypto_free_bytes(Size) || Size <- [1, 100, 100000]],
    Sockets = [begin
                   Socket = connect(),
                   gen_tcp:send(Socket, Piece),
                   gen_tcp:shutdown(Socket, write),
                   Socket
               end || Piece <- Pieces],
    [closed(Socket) || Socket <- Sockets],
    alive().

crypto_free_bytes(Size) -> << <<(rand:uniform(256) - 1)>> || _ <- lists:seq(1, Size) >>.

%% a connection that is never used for a handshake is closed in the end, and harms nobody until then
half_open() ->
    Sockets = [connect() || _ <- lists:seq(1, 50)],
    alive(),
    [closed(Socket) || Socket <- Sockets],
    alive().

%% control messages to nobody, of unknown kinds and about what there is not are of no consequence
void_signals() ->
    Socket = shake(<<"void@127.0.0.1">>),
    inet:setopts(Socket, [{packet, 4}]),
    {Nobody, Me, Ref} = {ask({agent, self()}), self(), make_ref()},
    do(Nobody, ping),
    exit(Nobody, kill),
    Signals = [{{2, '', Nobody}, x}, {{22, Me, Nobody}, x}, {{6, Me, '', nobody}, x}, {1, Me, Nobody},
               {35, 7, Me, Nobody}, {36, 7, Me, Nobody}, {3, Me, Nobody, x}, {8, Me, Nobody, x}, {{24, Me, Nobody}, x},
               {20, Me, Nobody, Ref}, {21, nobody, Nobody, Ref, x}, {{33, Me, Ref}, x}, {31, Ref, Nobody, 0, x},
               {7, Me, Nobody}],
    [ok = gen_tcp:send(Socket, frame(Signal)) || Signal <- Signals],
    ok = gen_tcp:send(Socket, frame({19, Me, nobody, Ref})),
    Answer = frame_of(Socket, 21),
    eq({21, nobody, Me, Ref, noproc}, Answer),
    gen_tcp:close(Socket),
    alive().

frame({Control, Payload}) when is_tuple(Control) ->
    <<112, (term_to_binary(Control))/binary, (term_to_binary(Payload))/binary>>;
frame(Control) -> <<112, (term_to_binary(Control))/binary>>.

%% The next frame of that kind; PAYLOAD_MONITOR_P_EXIT as the plain MONITOR_P_EXIT.
frame_of(Socket, Kind) ->
    case gen_tcp:recv(Socket, 0, ?WAIT) of
        {ok, <<112, Rest/binary>>} ->
            {Control, Used} = binary_to_term(Rest, [used]),
            case {element(1, Control), Rest} of
                {Kind, _} -> Control;
                {28, <<_:Used/binary, Payload/binary>>} when Kind =:= 21 ->
                    setelement(1, erlang:append_element(Control, binary_to_term(Payload)), 21);
                _ -> frame_of(Socket, Kind)
            end;
        {ok, <<>>} -> frame_of(Socket, Kind)
    end.

%%% gen_server

%% a call is answered, by name and by pid
calls() ->
    eq(hello, ask({echo, hello})),
    Pid = ask(self),
    true = node(Pid) =:= t(),
    eq({a, [1, 2]}, gen_server:call(Pid, {echo, {a, [1, 2]}})).

%% a call is answered with its own tag, in all of its forms, and to the alias in it
tag_forms() ->
    Plain = make_ref(),
    {echo, t()} ! {'$gen_call', {self(), Plain}, {echo, plain}},
    eq({Plain, plain}, got()),
    Alias = alias([reply]),
    {echo, t()} ! {'$gen_call', {self(), [alias | Alias]}, {echo, aliased}},
    eq({[alias | Alias], aliased}, got()),
    {echo, t()} ! {'$gen_call', {self(), {any, "tag"}}, {echo, other}},
    eq({{any, "tag"}, other}, got()),
    Many = alias([reply]),
    Tag = [[alias | Many] | make_ref()], % gen_server:multi_call/4 of OTP 26 and newer
    {echo, t()} ! {'$gen_call', {self(), Tag}, {echo, many}},
    eq({Tag, many}, got()),
    {echo, t()} ! {'$gen_call', {self(), Tag}, {echo, late}},
    silent(agent()),
    {[{T, yes}], []} = gen_server:multi_call([t()], net_kernel, {is_auth, node()}, ?WAIT), % a genServer of ours
    true = T =:= t(),
    {net_kernel, t()} ! {'$gen_call', {self(), Tag}, {is_auth, node()}},
    silent(agent()).

%% an answer that comes after the caller's timeout is dropped
late_answer() ->
    {'EXIT', {timeout, _}} = (catch gen_server:call({echo, t()}, {sleep, 200}, 1)),
    ok = ask({sleep, 300}),
    receive Late -> error({came_all_the_same, Late}) after 0 -> ok end.

%% a call to nobody fails with noproc, one to a server that ends with its reason
failing_calls() ->
    {'EXIT', {noproc, _}} = (catch gen_server:call({nobody, t()}, x)),
    {'EXIT', {{nodedown, _}, _}} = (catch gen_server:call({echo, 'nobody@127.0.0.1'}, x)),
    {'EXIT', {crashed_in_call, _}} = (catch ask(crasher, crash_in_call)),
    Pid = erpc:call(t(), ts_fixture, srv, [crasher]),
    eq(Pid, erpc:call(t(), erlang, whereis, [crasher])),
    eq(back, ask(crasher, {echo, back})).

%% casts and plain messages arrive, in the order sent
casts() ->
    ok = ask(counter, reset),
    [gen_server:cast({counter, t()}, inc) || _ <- lists:seq(1, 1000)],
    eq(1000, ask(counter, get)),
    gen_server:cast({echo, t()}, {send, self(), {a, b}}),
    eq({a, b}, got()),
    {echo, t()} ! {self(), plain},
    eq({echo, plain}, got()).

%% abcast and multi_call reach it among others
multi_call() ->
    {[{T, got}], [nobody@nowhere]} = gen_server:multi_call([t(), nobody@nowhere], echo, {echo, got}, ?WAIT),
    T = t(),
    ok = ask(counter, reset),
    abcast = gen_server:abcast([t()], counter, inc),
    eq(1, ask(counter, get)).

%% many calls at once, among them slow ones, are each given their own answer
many_calls() ->
    Requests = [{N, gen_server:send_request({echo, t()}, {echo, N})} || N <- lists:seq(1, 2000)],
    Slow = gen_server:send_request({echo, t()}, {sleep, 50}),
    [eq({reply, N}, gen_server:receive_response(Request, ?WAIT)) || {N, Request} <- lists:reverse(Requests)],
    eq({reply, ok}, gen_server:receive_response(Slow, ?WAIT)).

%% it calls a gen_server of Erlang by name and by pid, and is told why there is no answer
calls_here() ->
    eq(true, ask({call, {bank, node()}, tag})),
    Balance = ask({call, {bank, node()}, balance}),
    eq(Balance + 5, ask({call, whereis(bank), {deposit, 5}})),
    eq(Balance + 5, ask({call, {bank, node()}, balance})),
    {'EXIT', {noproc, {gen_server, call, [{nobody, _}, x, 2000]}}} = ask({call, {nobody, node()}, x}),
    Crashing = spawn(fun() -> bank(0) end),
    {'EXIT', {out_of_money, _}} = ask({call, Crashing, crash}),
    {'EXIT', {noproc, _}} = ask({call, Crashing, balance}),
    {'EXIT', {timeout, _}} = ask({call, {bank, node()}, never}),
    {'EXIT', {noconnection, _}} = ask({call, {bank, 'nobody@127.0.0.1'}, balance}).

%% an answer of Erlang that comes after its caller's timeout is dropped there
late_answer_here() ->
    {'EXIT', {timeout, _}} = ask({call, {bank, node()}, {later, self()}}),
    From = receive {asked, Caller} -> Caller after ?WAIT -> error(not_asked) end,
    gen:reply(From, late),
    alive().

%%% Functions

%% erpc:call gives the value, and what was thrown with its class
erpc_call() ->
    eq(3, erpc:call(t(), ts_fixture, add, [1, 2])),
    eq(t(), erpc:call(t(), erlang, node, [])),
    eq(slept, erpc:call(t(), ts_fixture, sleep, [10], ?WAIT)),
    true = is_pid(erpc:call(t(), ts_fixture, whoami, [])),
    Term = {1.0, "abc", <<1:3>>, [a | b]},
    Term = (catch erpc:call(t(), ts_fixture, toss, [Term])),
    ok = try erpc:call(t(), ts_fixture, boom, [Term]) catch exit:{exception, Term} -> ok end,
    ok = try erpc:call(t(), ts_fixture, raise, [Term]) catch error:{exception, Term, [_ | _]} -> ok end,
    ok = try erpc:call(t(), ts_fixture, nothing, [a]) catch error:{exception, undef, [{ts_fixture, nothing, [a], _} | _]} -> ok end,
    ok = try erpc:call(t(), nothing, nothing, []) catch error:{exception, undef, _} -> ok end,
    ok = try erpc:call(t(), ts_fixture, sleep, [10000], 1) catch error:{erpc, timeout} -> ok end,
    ok = try erpc:call('nobody@127.0.0.1', erlang, node, []) catch error:{erpc, noconnection} -> ok end,
    silent(agent()).

%% erpc:cast runs the function, and one that there is not is of no consequence
erpc_cast() ->
    ok = erpc:cast(t(), ts_fixture, nothing, []),
    ok = erpc:cast(t(), ts_fixture, hello, [self()]),
    {hello, Pid, T} = got(),
    {T, T} = {t(), node(Pid)}.

%% erpc:multicall and requests give each node's answer
erpc_multicall() ->
    eq([{ok, t()}, {ok, node()}], erpc:multicall([t(), node()], erlang, node, [])),
    [{throw, x}, {exit, {exception, x}}] = [hd(erpc:multicall([t()], ts_fixture, F, [x])) || F <- [toss, boom]],
    Requests = [{N, erpc:send_request(t(), ts_fixture, add, [N, N])} || N <- lists:seq(1, 500)],
    [eq(2 * N, erpc:receive_response(Request, ?WAIT)) || {N, Request} <- Requests],
    eq(ok, erpc:multicast([t(), t()], ts_fixture, hello, [self()])),
    {hello, _, _} = got(),
    {hello, _, _} = got().

%% rpc:call gives what rpc makes of values, throws, exits and errors
rpc_call() ->
    eq(3, rpc:call(t(), ts_fixture, add, [1, 2])),
    eq(x, rpc:call(t(), ts_fixture, toss, [x])),
    {badrpc, {'EXIT', x}} = rpc:call(t(), ts_fixture, boom, [x]),
    {badrpc, {'EXIT', {x, [_ | _]}}} = rpc:call(t(), ts_fixture, raise, [x]),
    {badrpc, {'EXIT', {undef, _}}} = rpc:call(t(), ts_fixture, nothing, []),
    {badrpc, timeout} = rpc:call(t(), ts_fixture, sleep, [10000], 1),
    {[3], []} = rpc:multicall([t()], ts_fixture, add, [1, 2], ?WAIT),
    Key = rpc:async_call(t(), ts_fixture, add, [2, 2]),
    eq(4, rpc:yield(Key)).

%% what tools ask of any node is refused and not ignored
tools() ->
    {badrpc, {'EXIT', {undef, _}}} = rpc:call(t(), erlang, system_info, [otp_release]),
    {badrpc, {'EXIT', {undef, _}}} = rpc:call(t(), observer_backend, sys_info, []),
    {badrpc, {'EXIT', {undef, _}}} = rpc:call(t(), code, which, [lists]),
    rpc:cast(t(), erlang, halt, []),
    alive().

%% it runs functions of Erlang and has their values as they are
erpc_here() ->
    eq(node(), ask({erpc, node(), erlang, node, []})),
    eq([1, 2, 3], ask({erpc, node(), lists, seq, [1, 3]})),
    Term = {1.0, 1, -0.0, "abc", <<"abc">>, <<1:3>>, [a | b], #{1 => 2, 1.0 => 3}, fun lists:map/2},
    eq(term_to_binary(Term), term_to_binary(ask({erpc, node(), erlang, hd, [[Term]]}))).

%%% Processes

%% spawn runs a function there as the process whose pid it gave
spawns() ->
    Pid = spawn(t(), ts_fixture, hello, [self()]),
    eq({hello, Pid, t()}, got()),
    Many = [spawn(t(), ts_fixture, hello, [self()]) || _ <- lists:seq(1, 500)],
    [receive {hello, One, _} -> ok after ?WAIT -> error(missing) end || One <- Many].

%% spawned processes that end, or fail, tell those that are linked to them or monitor them
spawn_ends() ->
    process_flag(trap_exit, true),
    Linked = spawn_link(t(), ts_fixture, hello_exit, [self(), {any, "term", 1.0}]),
    eq({hello, Linked, t()}, got()),
    eq({'EXIT', Linked, {any, "term", 1.0}}, got()),
    {Watched, Ref} = spawn_monitor(t(), ts_fixture, hello_exit, [self(), normal]),
    eq({hello, Watched, t()}, got()),
    eq({'DOWN', Ref, process, Watched, normal}, got()),
    Ends = [{boom, [x], x}, {boom, [normal], normal}, {idle_nothing, [], undef}, {raise, [x], x}, {toss, [x], {nocatch, x}}],
    [begin
         {_, Monitor} = spawn_monitor(t(), ts_fixture, Function, Args),
         case down(Monitor) of
             Reason -> ok;
             {Reason, [_ | _]} -> ok;
             {Reason, []} when Function =:= toss -> ok;
             Other -> error({Function, Other})
         end
     end || {Function, Args, Reason} <- Ends],
    Idle = spawn_link(t(), ts_fixture, idle, []),
    exit(Idle, kill),
    eq({'EXIT', Idle, killed}, got()).

%% spawn_request answers as its options say, and an abandoned one not at all
spawn_requests() ->
    process_flag(trap_exit, true),
    Yes = spawn_request(t(), ts_fixture, idle, [], [{reply_tag, started}]),
    {started, Yes, ok, _} = got(),
    spawn_request(t(), ts_fixture, hello, [self()], [{reply, no}]),
    {hello, _, _} = got(),
    spawn_request(t(), ts_fixture, hello, [self()], [{reply, error_only}]),
    {hello, _, _} = got(),
    Both = spawn_request(t(), ts_fixture, hello_exit, [self(), bye], [link, monitor]),
    Messages = [got(), got(), got(), got()],
    {_, _, ok, Pid} = lists:keyfind(spawn_reply, 1, Messages),
    true = lists:member({'DOWN', Both, process, Pid, bye}, Messages),
    true = lists:member({'EXIT', Pid, bye}, Messages),
    Refused = spawn_request('nobody@127.0.0.1', ts_fixture, idle, [], []),
    {spawn_reply, Refused, error, noconnection} = got(),
    Abandoned = spawn_request(t(), ts_fixture, idle, [], [link]),
    spawn_request_abandon(Abandoned),
    silent(agent()).

%% arguments of concurrent spawns are never mixed up
spawn_arguments() ->
    Me = self(),
    Workers = [spawn_link(fun() ->
        [begin
             Pid = spawn(t(), ts_fixture, hello_exit, [self(), N]),
             receive {hello, Pid, _} -> ok after ?WAIT -> error(missing) end
         end || N <- lists:seq(1, 50)],
        Me ! {done, self()}
    end) || _ <- lists:seq(1, 10)],
    [receive {done, Worker} -> ok after ?WAIT -> error(missing) end || Worker <- Workers].

%% it starts processes here, also linked ones
spawn_here() ->
    Pid = ask({spawn_on, node(), timer, sleep, [infinity]}),
    {true, true} = {node(Pid) =:= node(), is_process_alive(Pid)},
    exit(Pid, kill),
    Agent = agent(),
    ok = do(Agent, {trap, true}),
    Linked = do(Agent, {spawn_link, node(), timer, sleep, [infinity]}),
    eq({links, [Agent]}, process_info(Linked, links)),
    % An atom: by exit/2 with a tuple OTP 27.3.4 hangs or crashes once in some thousand times, when a process of another
    % node is linked; between two nodes of Erlang as well.
    exit(Linked, bye),
    eq({'EXIT', Linked, bye}, heard(Agent)).

%% a monitor fires once with the reason, whatever it is: by pid, and by name with the name
monitors() ->
    [begin
         Agent = agent(),
         Ref = monitor(process, Agent),
         Agent ! {exit, Reason},
         eq({'DOWN', Ref, process, Agent, Reason}, got())
     end || Reason <- [normal, shutdown, {shutdown, x}, noproc, noconnection, x, {x, "y", 1.0, <<"z">>}, #{a => [1]}, "text", 7]],
    Killed = agent(),
    KilledRef = monitor(process, Killed),
    exit(Killed, kill),
    eq({'DOWN', KilledRef, process, Killed, killed}, got()),
    Late = monitor(process, Killed),
    eq({'DOWN', Late, process, Killed, noproc}, got()),
    Nobody = monitor(process, {nobody, t()}),
    eq({'DOWN', Nobody, process, {nobody, t()}, noproc}, got()),
    Named = ask({start_named, monitored_by_name}),
    ByName = monitor(process, {monitored_by_name, t()}),
    Named ! {exit, bye},
    eq({'DOWN', ByName, process, {monitored_by_name, t()}, bye}, got()),
    NoNode = monitor(process, {echo, 'nobody@127.0.0.1'}),
    eq({'DOWN', NoNode, process, {echo, 'nobody@127.0.0.1'}, noconnection}, got()).

%% a demonitored one does not fire, and others of the same process do
demonitors() ->
    Agent = agent(),
    [Gone, Stays] = [monitor(process, Agent), monitor(process, Agent)],
    true = demonitor(Gone, [flush]),
    Agent ! {exit, bye},
    eq({'DOWN', Stays, process, Agent, bye}, got()),
    Named = ask({start_named, demonitored_by_name}),
    ByName = monitor(process, {demonitored_by_name, t()}),
    true = demonitor(ByName),
    ByPid = monitor(process, Named),
    Named ! {exit, bye},
    eq({'DOWN', ByPid, process, Named, bye}, got()),
    silent(agent()).

%% its monitors of processes here fire with their reasons, by pid and by name
monitors_here() ->
    Agent = agent(),
    [begin
         {Pid, Own} = spawn_monitor(fun() -> receive Reason -> exit(Reason) end end),
         Ref = do(Agent, {monitor, Pid}),
         true = is_reference(Ref),
         pong = do(Agent, ping),
         Pid ! Reason,
         eq(Reason, down(Own)),
         eq({'DOWN', Ref, process, Pid, Reason}, heard(Agent))
     end || Reason <- [normal, shutdown, {shutdown, x}, x, {x, "y", 1.0, <<"z">>, [a | b]}, #{1 => a, 1.0 => b}, "text"]],
    {Crashing, Crash} = spawn_monitor(fun() -> receive go -> hd(self()) end end),
    CrashRef = do(Agent, {monitor, Crashing}),
    Crashing ! go,
    eq({'DOWN', CrashRef, process, Crashing, down(Crash)}, heard(Agent)),
    Dead = do(Agent, {monitor, Crashing}),
    eq({'DOWN', Dead, process, Crashing, noproc}, heard(Agent)),
    Nobody = do(Agent, {monitor, {nobody, node()}}),
    eq({'DOWN', Nobody, process, {nobody, node()}, noproc}, heard(Agent)),
    Named = spawn(fun() -> receive go -> exit(bye) end end),
    true = register(watched_here, Named),
    ByName = do(Agent, {monitor, {watched_here, node()}}),
    pong = do(Agent, ping),
    Named ! go,
    eq({'DOWN', ByName, process, {watched_here, node()}, bye}, heard(Agent)),
    Gone = do(Agent, {monitor, {bank, node()}}),
    ok = do(Agent, {demonitor, Gone}),
    {monitored_by, By} = process_info(whereis(bank), monitored_by),
    false = lists:member(Agent, By).

%% an exit crosses a link from either side; normal ones too, when they are trapped
links() ->
    process_flag(trap_exit, true),
    [begin
         Agent = agent(),
         case Side of here -> link(Agent); there -> ok = do(Agent, {link, self()}) end,
         Agent ! {exit, Reason},
         eq({'EXIT', Agent, Reason}, got())
     end || Side <- [here, there], Reason <- [normal, x, {x, "y", 1.0}, killed]],
    [begin
         Agent = agent(),
         ok = do(Agent, {trap, true}),
         {Pid, Ref} = spawn_monitor(fun() ->
             case Side of here -> link(Agent); there -> ok end,
             receive Reason -> exit(Reason) end
         end),
         ok = case Side of here -> ok; there -> do(Agent, {link, Pid}) end,
         Pid ! Reason,
         eq(Reason, down(Ref)),
         eq({'EXIT', Pid, Reason}, heard(Agent))
     end || Side <- [here, there], Reason <- [normal, x, {x, "y", 1.0, <<"z">>}, #{1.0 => a}]],
    Agent = agent(),
    Ref = monitor(process, Agent),
    spawn(fun() -> link(Agent), exit(bye) end),
    eq({'DOWN', Ref, process, Agent, bye}, got()).

%% after unlink, on either side, nothing crosses; a link to the dead gives noproc
unlinks() ->
    process_flag(trap_exit, true),
    [begin
         Agent = agent(),
         link(Agent),
         case Side of here -> unlink(Agent); there -> ok = do(Agent, {unlink, self()}) end,
         pong = do(Agent, ping),
         Ref = monitor(process, Agent),
         Agent ! {exit, bye},
         eq({'DOWN', Ref, process, Agent, bye}, got()),
         link(Agent),
         eq({'EXIT', Agent, noproc}, got())
     end || Side <- [here, there]],
    Agent = agent(),
    ok = do(Agent, {trap, true}),
    {Dead, Ref} = spawn_monitor(fun() -> ok end),
    normal = down(Ref),
    ok = do(Agent, {link, Dead}),
    eq({'EXIT', Dead, noproc}, heard(Agent)),
    [begin link(Agent), unlink(Agent) end || _ <- lists:seq(1, 100)],
    link(Agent),
    Agent ! {exit, bye},
    eq({'EXIT', Agent, bye}, got()),
    silent(agent()).

%% exit/2 ends by kill, not by normal, and is a message when trapped
exits() ->
    Plain = agent(),
    Ref = monitor(process, Plain),
    exit(Plain, normal),
    pong = do(Plain, ping),
    exit(Plain, {x, 1.0}),
    eq({'DOWN', Ref, process, Plain, {x, 1.0}}, got()),
    Trapping = agent(),
    ok = do(Trapping, {trap, true}),
    [begin exit(Trapping, Reason), eq({'EXIT', self(), Reason}, heard(Trapping)) end
     || Reason <- [normal, x, killed, {x, "y", 1.0, <<"z">>}, "text"]],
    TrappingRef = monitor(process, Trapping),
    exit(Trapping, kill),
    eq({'DOWN', TrappingRef, process, Trapping, killed}, got()),
    NoMore = agent(),
    ok = do(NoMore, {trap, true}),
    ok = do(NoMore, {trap, false}),
    NoMoreRef = monitor(process, NoMore),
    exit(NoMore, bye),
    eq({'DOWN', NoMoreRef, process, NoMore, bye}, got()).

%% its exit/2 reaches processes here by the same rules
exits_here() ->
    Agent = agent(),
    process_flag(trap_exit, true),
    [begin ok = do(Agent, {exit2, self(), Reason}), eq({'EXIT', Agent, Reason}, got()) end
     || Reason <- [normal, x, {x, "y", 1.0}]],
    {Pid, Ref} = spawn_monitor(timer, sleep, [infinity]),
    ok = do(Agent, {exit2, Pid, normal}),
    true = is_process_alive(Pid),
    ok = do(Agent, {exit2, Pid, kill}),
    eq(killed, down(Ref)).

%% messages go through an alias as long as it is one
aliases() ->
    Agent = agent(),
    Alias = alias(),
    ok = do(Agent, {send, Alias, one}),
    one = got(),
    true = unalias(Alias),
    ok = do(Agent, {send, Alias, two}),
    silent(Agent),
    Once = alias([reply]),
    ok = do(Agent, {send, Once, one}),
    one = got(),
    ok = do(Agent, {send, Once, two}),
    silent(Agent),
    Ref = monitor(process, Agent, [{alias, reply_demonitor}]),
    ok = do(Agent, {send, Ref, one}),
    one = got(),
    Agent ! {exit, bye},
    Down = monitor(process, Agent),
    {'DOWN', Down, process, Agent, _} = got().

%% an agent of a name can be sent to, and a name of nobody swallows what is sent
sends() ->
    Agent = ask({start_named, named_agent}),
    {named_agent, t()} ! {self(), ref, ping},
    {ref, pong} = got(),
    {nobody, t()} ! hello,
    eq(Agent, erpc:call(t(), erlang, whereis, [named_agent])),
    exit(Agent, kill),
    Agent ! hello,
    Other = agent(),
    ok = do(Other, {send, {bank_of_nobody, node()}, x}),
    silent(Other).

%%% Terms

%% integers, of any size, come back as they were
integers() ->
    Powers = [1 bsl N || N <- [0, 7, 8, 15, 16, 27, 28, 31, 32, 52, 53, 54, 59, 60, 63, 64, 127, 128, 2039, 2040, 2048, 20000]],
    same([0 | [Sign * (Power + Step) || Power <- Powers, Sign <- [1, -1], Step <- [-1, 0, 1]]]),
    [same(Sign * Power) || Power <- Powers, Sign <- [1, -1]].

%% floats come back as floats: whole ones, minus zero, the smallest and the greatest
floats() -> [same(F) || F <- [0.0, -0.0, 1.0, -1.0, 0.1, 1.0e308, 5.0e-324, 9007199254740993.0, 1.0e22, math:pi()]].

%% atoms come back as they were, in every script, short, long and empty
atoms() ->
    Names = ["", "a", "true", "false", "nil", "null", "undefined", "Upper case", "å", "日本語", [128512], "__proto__",
             lists:duplicate(255, $a), lists:duplicate(255, 229), lists:duplicate(255, 128512)],
    [same(list_to_atom(Name)) || Name <- Names],
    same([list_to_atom(Name) || Name <- Names]).

%% binaries and bitstrings of every length of bits come back as they were
binaries() ->
    [same(B) || B <- [<<>>, <<0>>, <<"text">>, <<"å日本語"/utf8>>, <<255, 254>>, <<0:800000>>]],
    [same(<<1:N>>) || N <- lists:seq(1, 70)],
    same(<<16#ffff:13>>).

%% lists come back as they were: strings, improper, long and nested ones
lists() ->
    [same(L) || L <- [[], [a], "text", [255, 256], lists:seq(0, 255), [a | b], [a, b, {c} | <<"d">>], [[] | []], [[], [[]]],
                      lists:duplicate(65535, $a), lists:duplicate(65536, $a), lists:seq(1, 100000), [1.0, 1]]].

%% tuples and maps come back as they were, with keys of every kind
tuples_and_maps() ->
    same({}),
    same({a, {b, {}}, []}),
    same(list_to_tuple(lists:seq(1, 300))),
    same(#{}),
    same(#{a => 1, "b" => 2, <<"c">> => 3, 4 => 4, 4.0 => 5, {d} => 6, [] => 7, #{} => 8, self() => 9, -0.5 => 10}),
    same(maps:from_list([{N, [N]} || N <- lists:seq(1, 1000)])),
    same(#{'__proto__' => 1, constructor => 2, <<"__proto__">> => 3}).

%% pids, references and ports of all nodes come back as they were
identifiers() ->
    [same(One) || One <- [self(), make_ref(), alias(), hd(erlang:ports()), ask(self), whereis(init)]],
    Theirs = do(agent(), {monitor, self()}),
    true = is_reference(Theirs),
    same(Theirs),
    same(binary_to_term(<<131, 88, 119, 8, "no@where", 1:32, 2:32, 3:32>>)),
    same(binary_to_term(<<131, 90, 3:16, 119, 8, "no@where", 1:32, 2:32, 3:32, 4:32>>)),
    same(binary_to_term(<<131, 120, 119, 8, "no@where", 5:64, 1:32>>)).

%% funs come back as they were, and work
funs() ->
    N = 7,
    Fun = fun(X) -> X + N end,
    same(fun lists:map/2),
    same(Fun),
    eq(8, (ask({echo, Fun}))(1)).

%% native records of OTP 29 come back as they were
native_records() ->
    Record = <<131, 67, 2:32, 1, 119, 2, "nr", 119, 5, "point", 119, 1, $x, 119, 1, $y, 70, 1.0/float, 106>>,
    try binary_to_term(Record) of
        Point -> same(Point), same([Point, {Point, #{Point => Point}}])
    catch error:badarg -> true = list_to_integer(erlang:system_info(otp_release)) < 29
    end.

%% terms that are nested a thousand deep come back as they were
deep() ->
    Nest = fun(Wrap) -> nest(Wrap, 1000) end,
    same(Nest(fun(Inner) -> [Inner] end)),
    same(Nest(fun(Inner) -> {Inner} end)),
    same(nest(fun(Inner) -> #{Inner => Inner} end, 12)),
    same(Nest(fun(Inner) -> #{k => Inner} end)),
    same(Nest(fun(Inner) -> [a | Inner] end)).

nest(Wrap, Depth) -> lists:foldl(fun(_, Inner) -> Wrap(Inner) end, x, lists:seq(1, Depth)).

%% it knows the kind of every term
kinds() ->
    Terms = [{atom, x}, {atom, true}, {atom, undefined}, {integer, 1}, {integer, 1 bsl 100}, {float, 1.0}, {binary, <<"x">>},
             {binary, <<>>}, {bitstring, <<1:3>>}, {map, #{}}, {tuple, {}}, {list, []}, {list, "text"}, {list, [a | b]},
             {pid, self()}, {reference, make_ref()}, {port, hd(erlang:ports())}, {'fun', fun lists:map/2}],
    [eq({Kind, Term}, {ask(terms, {kind, Term}), Term}) || {Kind, Term} <- Terms],
    eq(3, ask(terms, {length, [1, 2, 3]})),
    eq(3, ask(terms, {length, [a, b, c]})),
    eq(4, ask(terms, {size, <<"text">>})).

%% random terms come back as they were
random_terms() -> [same(random(4)) || _ <- lists:seq(1, 2000)].

random(Depth) ->
    case rand:uniform(case Depth of 0 -> 8; _ -> 13 end) of
        1 -> rand:uniform(1 bsl 70) - (1 bsl 69);
        2 -> rand:uniform(300) - 20;
        3 -> rand:normal();
        4 -> list_to_atom([rand:uniform(1000) + 31 || _ <- lists:seq(1, rand:uniform(20))]);
        5 -> crypto_free_bytes(rand:uniform(40));
        6 -> Bits = rand:uniform(50), <<(rand:uniform(1 bsl 50)):Bits>>;
        7 -> make_ref();
        8 -> lists:seq(1, rand:uniform(5));
        9 -> [random(Depth - 1) || _ <- lists:seq(1, rand:uniform(5))];
        10 -> list_to_tuple([random(Depth - 1) || _ <- lists:seq(1, rand:uniform(5))]);
        11 -> [random(Depth - 1) | rand:uniform(9)];
        12 -> maps:from_list([{random(Depth - 1), random(Depth - 1)} || _ <- lists:seq(1, rand:uniform(5))]);
        13 -> maps:from_list([{N, random(0)} || N <- lists:seq(1, rand:uniform(50))])
    end.

%%% Volume

%% binaries of ten megabytes cross in both directions
large_binaries() ->
    Large = crypto_free_bytes_of(10000000),
    true = Large =:= ask({echo, Large}),
    eq(10000000, ask({size, Large})),
    eq(10000000, byte_size(ask({make_binary, 10000000}))),
    Agent = agent(),
    Agent ! {large, Large},
    {large, Large} = heard(Agent),
    Pid = spawn(t(), ts_fixture, hello_exit, [self(), Large]),
    Ref = monitor(process, Pid),
    {hello, Pid, _} = got(),
    true = lists:member(down(Ref), [Large, noproc]).

crypto_free_bytes_of(Size) -> binary:copy(crypto_free_bytes(1000), Size div 1000).

%% large and small messages of many processes are interleaved, and each is whole
interleaved() ->
    Me = self(),
    Work = fun(Size, Count) -> fun() ->
        Agent = agent(),
        Messages = [{N, crypto_free_bytes_of(Size + 1000 * N)} || N <- lists:seq(1, Count)],
        [Agent ! Message || Message <- Messages],
        [begin Got = heard(Agent), true = Got =:= Message end || Message <- Messages],
        Me ! {done, self()}
    end end,
    Workers = [spawn_link(Work(Size, Count)) || {Size, Count} <- [{1000000, 8}, {300000, 20} | lists:duplicate(20, {1000, 100})]],
    [receive {done, Worker} -> ok after 50000 -> error(missing) end || Worker <- Workers].

%% a hundred thousand messages come back in order
order() ->
    Agent = agent(),
    [Agent ! N || N <- lists:seq(1, 100000)],
    [eq(N, heard(Agent)) || N <- lists:seq(1, 100000)].

%% more atoms than a cache has places are told apart, one by one and many in a message
atom_cache() ->
    Atoms = [list_to_atom("distinct_" ++ integer_to_list(N)) || N <- lists:seq(1, 6000)],
    Agent = agent(),
    [Agent ! Atom || Atom <- Atoms],
    [eq(Atom, heard(Agent)) || Atom <- Atoms],
    same(Atoms),
    [same(lists:sublist(Atoms, From, 300)) || From <- lists:seq(1, 5700, 300)].

%% many processes that use the same places of the cache at once never have another's atom
atom_cache_contended() ->
    Me = self(),
    Workers = [spawn_link(fun() ->
        Agent = agent(),
        [begin
             Atom = list_to_atom("contended_" ++ integer_to_list(W) ++ "_" ++ integer_to_list(N)),
             Agent ! {Atom, N},
             eq({Atom, N}, heard(Agent))
         end || N <- lists:seq(1, 200)],
        Me ! {done, self()}
    end) || W <- lists:seq(1, 20)],
    [receive {done, Worker} -> ok after ?WAIT -> error(missing) end || Worker <- Workers].

%%% Names

%% its groups are seen here, and ours there: as they are when a scope begins, as they change, and when a member ends
groups() ->
    {ok, _} = pg:start_link(),
    {ok, _} = pg:start_link(bb_scope),
    {Echo, Counter} = {ask(self), ask(counter, self)},
    until([Echo], fun() -> pg:get_members(ts_group) end),
    until(lists:sort([Echo, Counter]), fun() -> lists:sort(pg:get_members(bb_scope, ts_scoped)) end),
    eq([Echo], ask({pg_members, ts_group})),
    eq([], ask({pg_members, ts_scoped})),
    Group = {any, "term", 1.0},
    ok = pg:join(Group, [self(), self()]),
    until([self(), self()], fun() -> ask({pg_members, Group}) end),
    Joined = ask({pg_join_new, Group}),
    until(lists:sort([self(), self(), Joined]), fun() -> lists:sort(pg:get_members(Group)) end),
    ok = pg:leave(Group, self()),
    until(lists:sort([self(), Joined]), fun() -> lists:sort(ask({pg_members, Group})) end),
    exit(Joined, kill),
    until([self()], fun() -> pg:get_members(Group) end),
    {Member, Ref} = spawn_monitor(timer, sleep, [infinity]),
    ok = pg:join(bb_scope, ts_scoped, Member),
    until(lists:sort([Echo, Counter, Member]), fun() -> lists:sort(ask({pg_members, bb_scope, ts_scoped})) end),
    exit(Member, kill),
    killed = down(Ref),
    until(lists:sort([Echo, Counter]), fun() -> lists:sort(ask({pg_members, bb_scope, ts_scoped})) end).

%% groups of a node that is gone are forgotten, and those of this one are known to one that comes
groups_come_and_go() ->
    {Peer, Node} = peer(has_groups),
    {ok, Scope} = peer:call(Peer, pg, start, [pg]),
    Echo = ask(self),
    ok = peer:call(Peer, pg, join, [short_lived, Scope]),
    pong = peer:call(Peer, net_adm, ping, [t()]),
    until([Echo], fun() -> peer:call(Peer, pg, get_members, [ts_group]) end),
    until([Scope], fun() -> ask({pg_members, short_lived}) end),
    {pg, t()} ! {discover, Scope, 1}, % as OTP 29 says it
    {pg, t()} ! {what, is, this},
    {pg, t()} ! nonsense,
    eq([Scope], ask({pg_members, short_lived})),
    kill_9(Peer),
    until([], fun() -> ask({pg_members, short_lived}) end),
    false = lists:member(Node, ask(nodes)).

%% What is told of comes in its time: asked again until it is there.
until(Expected, Ask) -> until(Expected, Ask, erlang:monotonic_time(millisecond) + ?WAIT).

until(Expected, Ask, End) ->
    case {Ask(), erlang:monotonic_time(millisecond) < End} of
        {Expected, _} -> ok;
        {_, true} -> timer:sleep(10), until(Expected, Ask, End);
        {Got, false} -> error({expected, Expected, got, Got})
    end.
