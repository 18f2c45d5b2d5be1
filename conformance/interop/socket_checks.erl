%% What no Erlang says: sockets that speak the protocol by hand, to its letter and beside it. As checks.erl, on whose functions
%% they stand.
-module(socket_checks).
-compile([export_all, nowarn_export_all]).
-import(checks, [t/0, ask/1, agent/0, do/2, heard/1, got/0, eq/2, alive/0, until/2, port/0, connect/0, closed/1, frame/1, frame_of/2]).

-define(WAIT, 15000).
-define(FLAGS, 16#d077d5fbc). % of OTP 25, without PUBLISHED, DIST_HDR_ATOM_CACHE and FRAGMENTS
-define(ATOM_CACHE, 16#2000).
-define(FRAGMENTS, 16#800000).

name(Socket, Flags, Name) -> send2(Socket, <<$N, Flags:64, 7:32, (byte_size(Name)):16, Name/binary>>).

send2(Socket, Message) -> ok = gen_tcp:send(Socket, <<(byte_size(Message)):16, Message/binary>>).

receive2(Socket) ->
    {ok, <<Length:16>>} = gen_tcp:recv(Socket, 2, ?WAIT),
    {ok, Message} = gen_tcp:recv(Socket, Length, ?WAIT),
    Message.

digest(Number) -> erlang:md5([atom_to_list(erlang:get_cookie()), integer_to_list(Number)]).

%% The rest of a handshake, once the name was taken.
prove(Socket) ->
    <<$N, _:64, Challenge:32, _/binary>> = receive2(Socket),
    send2(Socket, <<$r, 4711:32, (digest(Challenge))/binary>>),
    Digest = digest(4711),
    <<$a, Digest:16/binary>> = receive2(Socket),
    ok = inet:setopts(Socket, [{packet, 4}]),
    Socket.

shake(Name) -> shake(Name, ?FLAGS).
shake(Name, Flags) ->
    Socket = connect(),
    name(Socket, Flags, Name),
    <<"sok">> = receive2(Socket),
    prove(Socket).

%% A pid and a reference of a node that is nothing but a socket.
pid(Name) -> binary_to_term(<<131, 88, 119, (byte_size(Name)), Name/binary, 5:32, 0:32, 7:32>>).
ref(Name) -> ref(Name, 1).
ref(Name, Number) -> binary_to_term(<<131, 90, 3:16, 119, (byte_size(Name)), Name/binary, 7:32, Number:32, 2:32, 3:32>>).

%% A call of echo, by hand: it is answered to the pid.
answered(Socket, Name) ->
    {Pid, Ref} = {pid(Name), ref(Name)},
    ok = gen_tcp:send(Socket, frame({{6, Pid, '', echo}, {'$gen_call', {Pid, Ref}, {echo, Name}}})),
    eq({Ref, Name}, message(Socket)).

%% The next message to a pid.
message(Socket) ->
    case gen_tcp:recv(Socket, 0, ?WAIT) of
        {ok, <<112, Rest/binary>>} ->
            {Control, Used} = binary_to_term(Rest, [used]),
            case element(1, Control) of
                Send when Send =:= 2; Send =:= 22 -> <<_:Used/binary, Message/binary>> = Rest, binary_to_term(Message);
                _ -> message(Socket)
            end;
        {ok, <<>>} -> message(Socket)
    end.

%% It is closed, with no more than a word that says so.
refused(Socket) ->
    case gen_tcp:recv(Socket, 0, ?WAIT) of
        {ok, <<_:16, "snot_allowed">>} -> refused(Socket);
        {ok, More} -> error({goes_on, More});
        {error, Reason} when Reason =:= closed; Reason =:= econnreset -> ok
    end.

%% It is closed, and what came behind what it is closed for was not heard.
ended(Socket, Name) ->
    ok = inet:setopts(Socket, [{packet, 4}]),
    <<_:32, Call/binary>> = call(Name),
    gen_tcp:send(Socket, Call),
    ended(Socket).

ended(Socket) ->
    case gen_tcp:recv(Socket, 0, ?WAIT) of
        {ok, <<112, Rest/binary>>} -> 22 =/= element(1, binary_to_term(Rest)) orelse error(goes_on), ended(Socket);
        {ok, <<>>} -> ended(Socket);
        {error, Reason} when Reason =:= closed; Reason =:= econnreset -> ok
    end.

closing(Pieces) ->
    Sockets = [begin
                   Socket = connect(),
                   [gen_tcp:send(Socket, Piece) || Piece <- Said],
                   Socket
               end || Said <- Pieces],
    [closed(Socket) || Socket <- Sockets],
    alive().

%%% Handshakes

%% a handshake byte by byte is one, and so is one whose first frames come with its last message
slow_handshake() ->
    Slow = connect(),
    ok = inet:setopts(Slow, [{nodelay, true}]),
    Name = <<"slow@127.0.0.1">>,
    Bytes = fun(Message) -> [ok = gen_tcp:send(Slow, <<Byte>>) || <<Byte>> <= <<(byte_size(Message)):16, Message/binary>>] end,
    Bytes(<<$N, ?FLAGS:64, 7:32, (byte_size(Name)):16, Name/binary>>),
    <<"sok">> = receive2(Slow),
    <<$N, _:64, Challenge:32, _/binary>> = receive2(Slow),
    Bytes(<<$r, 4711:32, (digest(Challenge))/binary>>),
    <<$a, _:16/binary>> = receive2(Slow),
    [ok = gen_tcp:send(Slow, <<Byte>>) || <<Byte>> <= call(Name)],
    ok = inet:setopts(Slow, [{packet, 4}]),
    eq({ref(Name), Name}, message(Slow)),
    Quick = connect(),
    Other = <<"quick@127.0.0.1">>,
    name(Quick, ?FLAGS, Other),
    <<"sok">> = receive2(Quick),
    <<$N, _:64, Again:32, _/binary>> = receive2(Quick),
    Reply = <<$r, 4711:32, (digest(Again))/binary>>,
    ok = gen_tcp:send(Quick, [<<(byte_size(Reply)):16>>, Reply, <<0:32>>, call(Other), <<0:32>>, call(Other)]),
    <<$a, _:16/binary>> = receive2(Quick),
    ok = inet:setopts(Quick, [{packet, 4}]),
    eq({ref(Other), Other}, message(Quick)),
    eq({ref(Other), Other}, message(Quick)),
    [gen_tcp:close(Socket) || Socket <- [Slow, Quick]].

call(Name) ->
    Frame = frame({{6, pid(Name), '', echo}, {'$gen_call', {pid(Name), ref(Name)}, {echo, Name}}}),
    <<(byte_size(Frame)):32, Frame/binary>>.

%% what newer nodes may say behind what is known of a message is passed over, and the older form of a name is taken
forms_of_handshake() ->
    Long = connect(),
    Name = <<"says_more@127.0.0.1">>,
    send2(Long, <<$N, ?FLAGS:64, 7:32, (byte_size(Name)):16, Name/binary, "and more">>),
    <<"sok">> = receive2(Long),
    answered(prove(Long), Name),
    gen_tcp:close(Long),
    Old = connect(),
    Older = <<"older@127.0.0.1">>,
    send2(Old, <<$n, 5:16, ?FLAGS:32, Older/binary>>),
    <<"sok">> = receive2(Old),
    <<$N, _:64, Challenge:32, _/binary>> = receive2(Old),
    send2(Old, <<$c, (?FLAGS bsr 32):32, 7:32>>),
    send2(Old, <<$r, 4711:32, (digest(Challenge))/binary>>),
    <<$a, _:16/binary>> = receive2(Old),
    ok = inet:setopts(Old, [{packet, 4}]),
    answered(Old, Older),
    gen_tcp:close(Old).

%% names that are none, and its own, are refused
bad_names() ->
    Own = atom_to_binary(t()),
    [begin
         Socket = connect(),
         name(Socket, ?FLAGS, Name),
         refused(Socket)
     end || Name <- [<<>>, <<"nohost">>, <<"@">>, <<"a@">>, <<"@b">>, <<255, 254, "@b">>, Own, binary:copy(<<"a">>, 300), <<0, "@b">>]],
    [false = lists:member(Name, [<<"nohost">>, <<"a@">>]) || Name <- lists:map(fun atom_to_binary/1, ask(nodes))],
    alive().

%% whoever lacks a flag that all nodes of OTP 25 have is refused
missing_flags() ->
    Required = [16#4, 16#10, 16#80, 16#100, 16#200, 16#400, 16#800, 16#10000, 16#20000, 16#40000, 16#1000000, 16#2000000, 1 bsl 34],
    Digest = 16#4000000, % stands for most of them
    [begin
         Socket = connect(),
         name(Socket, (?FLAGS band bnot Flag) band bnot Digest, <<"lacks@127.0.0.1">>),
         refused(Socket)
     end || Flag <- Required],
    Short = shake(<<"lacks_none@127.0.0.1">>, Digest bor 16#2000000 bor (1 bsl 34)),
    answered(Short, <<"lacks_none@127.0.0.1">>),
    gen_tcp:close(Short),
    alive().

%% garbage at any turn of a handshake ends it, and nothing of the node comes of it
garbage_within() ->
    Name = <<"garbage@127.0.0.1">>,
    Garbage = [<<>>, <<$r>>, <<$r, 4711:32, 0:128>>, <<$r, 4711:32, 0:120>>, <<$r, 4711:32, 0:800>>, <<$a, 0:128>>, <<"sok">>, <<$c, 0:64>>,
               <<$N, ?FLAGS:64, 7:32, 1:16, "x">>, binary:copy(<<255>>, 60000), <<0>>],
    [begin
         Socket = connect(),
         name(Socket, ?FLAGS, Name),
         <<"sok">> = receive2(Socket),
         <<$N, _/binary>> = receive2(Socket),
         gen_tcp:send(Socket, <<(byte_size(Message)):16, Message/binary>>),
         refused(Socket)
     end || Message <- Garbage],
    closing([[<<1, 2>>, binary:copy(<<$N>>, 258)], [<<0, 1, 0>>], [<<0, 5, "sokay">>], [<<0, 20, $n, 5:16, 0:32, "a@b.c.d.e.fgh">>],
             [<<255, 255>>, binary:copy(<<0>>, 65535)]]),
    false = lists:member(binary_to_atom(Name), ask(nodes)).

%% sockets that end at any turn, politely or by a reset, leave nothing behind
ends_at_any_turn() ->
    Before = length(ask(nodes)),
    Reset = fun(Socket) -> ok = inet:setopts(Socket, [{linger, {true, 0}}]), gen_tcp:close(Socket) end,
    Half = fun(Socket) -> gen_tcp:shutdown(Socket, write), closed(Socket) end,
    Name = <<"ends@127.0.0.1">>,
    Turns = [fun(_) -> ok end,
             fun(Socket) -> gen_tcp:send(Socket, <<0>>) end,
             fun(Socket) -> name(Socket, ?FLAGS, Name) end,
             fun(Socket) -> name(Socket, ?FLAGS, Name), <<"sok">> = receive2(Socket) end,
             fun(Socket) -> name(Socket, ?FLAGS, Name), <<"sok">> = receive2(Socket), receive2(Socket), gen_tcp:send(Socket, <<0, 21, $r>>) end,
             fun(Socket) -> name(Socket, ?FLAGS, Name), <<"sok">> = receive2(Socket), prove(Socket) end,
             fun(Socket) -> name(Socket, ?FLAGS, Name), <<"sok">> = receive2(Socket), prove(Socket), inet:setopts(Socket, [{packet, 0}]),
                            gen_tcp:send(Socket, <<100:32, 112, 131, 104>>) end],
    [begin
         Socket = connect(),
         Turn(Socket),
         End(Socket),
         until(false, fun() -> lists:member(binary_to_atom(Name), ask(nodes)) end)
     end || Turn <- Turns, End <- [fun gen_tcp:close/1, Reset, Half]],
    eq(Before, length(ask(nodes))).

%% a second connection of a node that is connected is told so, and its answer decides between them
second_connection() ->
    Name = <<"second@127.0.0.1">>,
    First = shake(Name),
    Refused = connect(),
    name(Refused, ?FLAGS, Name),
    <<"salive">> = receive2(Refused),
    send2(Refused, <<"sfalse">>),
    refused(Refused),
    answered(First, Name),
    Senseless = connect(),
    name(Senseless, ?FLAGS, Name),
    <<"salive">> = receive2(Senseless),
    send2(Senseless, <<"smaybe">>),
    refused(Senseless),
    Stranger = connect(),
    name(Stranger, ?FLAGS, Name),
    <<"salive">> = receive2(Stranger),
    send2(Stranger, <<"strue">>),
    <<$N, _/binary>> = receive2(Stranger),
    send2(Stranger, <<$r, 4711:32, 0:128>>), % who does not have the cookie ends nobody's connection
    refused(Stranger),
    answered(First, Name),
    Agent = agent(),
    ok = do(Agent, {monitor_node, binary_to_atom(Name), true}),
    Second = connect(),
    name(Second, ?FLAGS, Name),
    <<"salive">> = receive2(Second),
    send2(Second, <<"strue">>),
    answered(prove(Second), Name),
    closed(First),
    eq({nodedown, binary_to_atom(Name)}, heard(Agent)),
    answered(Second, Name),
    gen_tcp:close(Second),
    until(false, fun() -> lists:member(binary_to_atom(Name), ask(nodes)) end).

%%% Frames

%% frames that are no protocol, too long or no term end that connection and nothing else
bad_frames() ->
    Frames = [<<16#7fffffff:32>>, <<16#ffffffff:32, 0:80000>>, <<5:32, 112, 131, 104, 255, 1>>, <<1:32, 42>>,
              <<4:32, 112, 131, 97, 1>>, <<4:32, 131, 68, 255, 255>>, <<19:32, 131, 69, 1:64, 1:64, 255>>,
              <<18:32, 131, 70, 1:64, 1:64>>, <<8:32, 112, 131, 104, 3, 97, 2, 97, 9>>,
              <<11:32, 112, 131, 108, 255, 255, 255, 255, 97, 1, 97, 2>>],
    [begin
         Name = <<"bad", (integer_to_binary(Number))/binary, "@127.0.0.1">>,
         Socket = shake(Name),
         ok = inet:setopts(Socket, [{packet, 0}]),
         ok = gen_tcp:send(Socket, Frame),
         ended(Socket, Name),
         alive()
     end || {Number, Frame} <- lists:enumerate(Frames)].

%% frames are the same wherever they are cut, ticks between them
frames_in_pieces() ->
    Name = <<"pieces@127.0.0.1">>,
    Socket = shake(Name),
    ok = inet:setopts(Socket, [{packet, 0}, {nodelay, true}]),
    Frames = <<0:32, (call(Name))/binary, 0:32, 0:32, (call(Name))/binary>>,
    [begin
         {One, Two} = split_binary(Frames, At),
         ok = gen_tcp:send(Socket, One),
         ok = gen_tcp:send(Socket, Two)
     end || At <- lists:seq(1, byte_size(Frames) - 1)],
    ok = inet:setopts(Socket, [{packet, 4}]),
    [eq({ref(Name), Name}, message(Socket)) || _ <- lists:seq(1, 2 * (byte_size(Frames) - 1))],
    gen_tcp:close(Socket).

%% messages in pieces are put together, several at once and however small the pieces; pieces in another order are refused
fragments() ->
    Name = <<"fragments@127.0.0.1">>,
    Flags = ?FLAGS bor ?FRAGMENTS bor ?ATOM_CACHE,
    Socket = shake(Name, Flags),
    Agent = agent(),
    Send = fun(Control, Message) ->
        <<131, C/binary>> = term_to_binary(Control),
        <<131, M/binary>> = term_to_binary(Message),
        {C, M}
    end,
    First = fun(Id, Count, Data) -> gen_tcp:send(Socket, <<131, 69, Id:64, Count:64, 0, Data/binary>>) end,
    Next = fun(Id, Number, Data) -> gen_tcp:send(Socket, <<131, 70, Id:64, Number:64, Data/binary>>) end,
    {One, Two} = {lists:duplicate(100, {a, 1.0}), checks:crypto_free_bytes_of(3000)},
    {ControlOne, MessageOne} = Send({22, pid(Name), Agent}, One),
    {ControlTwo, MessageTwo} = Send({22, pid(Name), Agent}, Two),
    Parts = fun(Binary, Size) -> [binary:part(Binary, At, min(Size, byte_size(Binary) - At)) || At <- lists:seq(0, byte_size(Binary) - 1, Size)] end,
    {PartsOne, PartsTwo} = {Parts(MessageOne, 7), Parts(MessageTwo, 1000)},
    ok = First(1, 1 + length(PartsOne), ControlOne),
    ok = First(2, 1 + length(PartsTwo), ControlTwo),
    [begin
         ok = Next(1, N, Part),
         N > length(PartsTwo) orelse (ok = Next(2, N, lists:nth(length(PartsTwo) + 1 - N, PartsTwo)))
     end || {N, Part} <- lists:zip(lists:seq(length(PartsOne), 1, -1), PartsOne)],
    true = lists:sort([One, Two]) =:= lists:sort([heard(Agent), heard(Agent)]),
    ok = First(1, 1, <<ControlOne/binary, MessageOne/binary>>), % the id is free again
    eq(One, heard(Agent)),
    ok = First(3, 3, ControlOne),
    ok = Next(3, 1, MessageOne),
    closed(Socket),
    checks:silent(Agent),
    Again = shake(Name, Flags),
    ok = gen_tcp:send(Again, <<131, 69, 1:64, 16#7fffffffffffffff:64, 0, ControlOne/binary>>),
    ok = gen_tcp:send(Again, <<131, 70, 1:64, 16#7ffffffffffffffe:64, MessageOne/binary>>),
    alive(),
    gen_tcp:close(Again),
    eq(pong, do(Agent, ping)).

%% control messages that are none end their connection and no other
bad_controls() ->
    Name = <<"controls@127.0.0.1">>,
    {Pid, Ref, Nobody} = {pid(Name), ref(Name), ask({agent, self()})},
    Bad = [{99, Pid}, {}, {a}, {1, Pid}, {1, a, Nobody}, {1, Pid, 5}, {19, Pid, Nobody, 5}, {19, Pid, "name", Ref}, {35, 0, Pid, Nobody},
           {35, a, Pid, Nobody}, {35, 1 bsl 64, Pid, Nobody}, {29, Ref, Pid, Pid, {a, b}, []}, {29, Ref, Pid, Pid, {a, b, -1}, []},
           {2, '', Nobody}, {22, Pid, Nobody, x, y}, {37, 24, Pid, echo}, [1, Pid, Nobody], 7],
    [begin
         Socket = shake(Name),
         ok = gen_tcp:send(Socket, <<112, (term_to_binary(Control))/binary>>),
         ended(Socket, Name),
         until(false, fun() -> lists:member(binary_to_atom(Name), ask(nodes)) end)
     end || Control <- Bad],
    eq(pong, do(Nobody, ping)).

%% spawn requests with arguments that are none are answered, or end their connection, and nothing is started
bad_spawn_requests() ->
    Name = <<"spawns@127.0.0.1">>,
    Socket = shake(Name),
    {Pid, Ref} = {pid(Name), ref(Name)},
    Request = fun(Mfa, Options, Args) -> ok = gen_tcp:send(Socket, frame({{29, Ref, Pid, Pid, Mfa, Options}, Args})) end,
    Refused = [{{erlang, node, 0}, [a | b], []}, {{erlang, node, 0}, nonsense, []}, {{erlang, node, 0}, [], nonsense}, {{erlang, node, 0}, [], [a]},
               {{erlang, node, 1}, [], [a | b]}, {{erpc, execute_call, 4}, [monitor], [Ref, erlang, node]},
               {{erpc, execute_call, 4}, [monitor], [Ref, "erlang", node, []]}, {{erpc, execute_cast, 3}, [], [erlang, node, nonsense]}],
    [begin
         Request(Mfa, Options, Args),
         {31, Ref, Pid, 0, Why} = frame_of(Socket, 31),
         true = is_atom(Why)
     end || {Mfa, Options, Args} <- Refused],
    Request({erlang, node, 0}, [link, monitor], []),
    {31, Ref, Pid, 3, Started} = frame_of(Socket, 31),
    eq(t(), node(Started)),
    eq({21, Started, Pid, Ref, normal}, frame_of(Socket, 21)),
    gen_tcp:close(Socket).

%% UNLINK_ID is acknowledged with its id before anything else is said to that process, and a link from there that crosses is void
unlink_ids() ->
    Name = <<"unlinks@127.0.0.1">>,
    Socket = shake(Name),
    Pid = pid(Name),
    Control = fun(Message) -> ok = gen_tcp:send(Socket, frame(Message)) end,
    Agent = agent(),
    Unlink = fun(Id) ->
        Control({35, Id, Pid, Agent}),
        eq({36, Id, Agent, Pid}, control(Socket))
    end,
    [begin
         Control({1, Pid, Agent}),
         Unlink(Id)
     end || Id <- [1, 77, 1 bsl 32, (1 bsl 64) - 1]],
    Unlink(5), % of no link
    ok = do(Agent, {link, Pid}),
    eq({1, Agent, Pid}, control(Socket)),
    ok = do(Agent, {unlink, Pid}),
    {35, Ours, Agent, Pid} = control(Socket),
    Control({1, Pid, Agent}), % crosses the unlink: void
    Control({36, Ours, Pid, Agent}),
    Control({{24, Pid, Agent}, bye}), % of a link that there is not
    Control({8, Pid, Agent, normal}),
    Unlink(6), % of no link: all before it has been taken, whose connection is another one than the agent is spoken to over
    eq(pong, do(Agent, ping)),
    ok = do(Agent, {link, Pid}),
    eq({1, Agent, Pid}, control(Socket)),
    ok = do(Agent, {unlink, Pid}),
    {35, Next, Agent, Pid} = control(Socket),
    true = Next =/= Ours,
    Control({36, Ours, Pid, Agent}), % of another one
    Control({1, Pid, Agent}),
    Control({{24, Pid, Agent}, bye}),
    Unlink(7),
    eq(pong, do(Agent, ping)),
    Control({36, Next, Pid, Agent}),
    Control({1, Pid, Agent}),
    Ref = monitor(process, Agent),
    eq(pong, do(Agent, ping)), % it is watched by now
    Control({{24, Pid, Agent}, bye}),
    eq(bye, checks:down(Ref)),
    Control({1, Pid, Agent}),
    eq({24, Agent, Pid, noproc}, control(Socket)),
    gen_tcp:close(Socket).

%% The next control message to a process; of one with a reason behind it, with that.
control(Socket) ->
    case gen_tcp:recv(Socket, 0, ?WAIT) of
        {ok, <<112, Rest/binary>>} ->
            {Control, Used} = binary_to_term(Rest, [used]),
            case Rest of
                <<_:Used/binary>> -> Control;
                _ when element(1, Control) =:= 6 -> control(Socket); % to a name: its groups look for those of others
                <<_:Used/binary, Payload/binary>> -> erlang:append_element(Control, binary_to_term(Payload))
            end;
        {ok, <<>>} -> control(Socket)
    end.

%% all forms of messages, with tokens and with OTP 28's flags, reach whom they are for
forms_of_messages() ->
    Name = <<"forms@127.0.0.1">>,
    Socket = shake(Name),
    {Pid, Agent} = {pid(Name), agent()},
    Send = fun(Control, Message) -> ok = gen_tcp:send(Socket, frame({Control, Message})) end,
    Token = {0, 1, 2, Pid, 3},
    [begin Send(Control, N), eq(N, heard(Agent)) end
     || {N, Control} <- lists:enumerate([{2, '', Agent}, {12, '', Agent, Token}, {22, Pid, Agent}, {23, Pid, Agent, Token}, {37, 0, Pid, Agent},
                                         {37, 1, Pid, Agent}, {37, 2, Pid, Agent, Token}, {37, 3, Pid, Agent, Token, more, [yet]}])],
    Bank = {bank, node()},
    [begin
         Answering = spawn_link(fun() ->
             receive {asked, {_, [alias | Alias] = Tag}} -> Send(setelement(Place, Control, Alias), {Tag, N}) end
         end),
         eq(N, ask({call, Bank, {later, Answering}}))
     end || {N, {Place, Control}} <- lists:enumerate([{3, {33, Pid, x}}, {3, {34, Pid, x, Token}}, {4, {37, 4, Pid, x}}, {4, {37, 5, Pid, x}},
                                                      {4, {37, 7, Pid, x, Token}}])],
    Named = ask({start_named, takes_forms}),
    Ref = monitor(process, Named),
    [begin Send(Control, {Pid, N, ping}), eq({N, pong}, message(Socket)) end
     || {N, Control} <- lists:enumerate([{6, Pid, '', takes_forms}, {16, Pid, '', takes_forms, Token}, {37, 8, Pid, takes_forms}, {37, 11, Pid, takes_forms, Token}])],
    ok = gen_tcp:send(Socket, frame({18, Pid, Named, Token, normal})),
    Send({37, 16, Pid, Named}, normal),
    Send({37, 20, Pid, ref(Name)}, nobody),
    Send({37, 17, Pid, Named}, bye),
    eq(bye, checks:down(Ref)),
    gen_tcp:close(Socket).

%% a monitor that is taken back is not told of the end, and others are
monitors_by_hand() ->
    Name = <<"monitors@127.0.0.1">>,
    Socket = shake(Name),
    {Pid, Agent} = {pid(Name), ask({start_named, monitored_by_hand})},
    [Kept, Dropped, Named, NamedDropped] = [ref(Name, N) || N <- [1, 2, 3, 4]],
    Control = fun(Message) -> ok = gen_tcp:send(Socket, frame(Message)) end,
    [Control({19, Pid, To, Ref}) || {To, Ref} <- [{Agent, Kept}, {Agent, Dropped}, {monitored_by_hand, Named}, {monitored_by_hand, NamedDropped}]],
    [Control({20, Pid, To, Ref}) || {To, Ref} <- [{Agent, Dropped}, {monitored_by_hand, NamedDropped}, {nobody, ref(Name, 5)}]],
    Control({19, Pid, nobody, Dropped}),
    eq({28, nobody, Pid, Dropped, noproc}, control(Socket)),
    Agent ! {exit, bye},
    Expected = [{28, Agent, Pid, Kept, bye}, {28, monitored_by_hand, Pid, Named, bye}],
    eq(lists:sort(Expected), lists:sort([control(Socket), control(Socket)])),
    answered(Socket, Name),
    gen_tcp:close(Socket).

%% a peer that takes nothing holds up nobody else
takes_nothing() ->
    Name = <<"sated@127.0.0.1">>,
    Socket = shake(Name),
    {Pid, Agent} = {pid(Name), agent()},
    Large = checks:crypto_free_bytes_of(1000000),
    [Agent ! {Pid, make_ref(), {send, Pid, Large}} || _ <- lists:seq(1, 50)],
    [alive() || _ <- lists:seq(1, 100)],
    true = lists:member(binary_to_atom(Name), ask(nodes)),
    gen_tcp:close(Socket),
    until(false, fun() -> lists:member(binary_to_atom(Name), ask(nodes)) end),
    eq(pong, do(Agent, ping)).
