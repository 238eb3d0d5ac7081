//! A worker with a demand for certain chains, or for nothing.

use super::pieces::{broken, busy, not_served, piece};
use super::script::{Script, config};

#[test]
fn no_demand_means_no_requests() {
    let mut s = Script::idle(2);
    s.at(10).new_cut(0).gives(&[]);
    s.at(20).refreshed(1).gives(&[]);
    s.at(600_000).tick().gives(&[]);
    assert_eq!(s.wakeup_ms(), None);
}

#[test]
fn demand_for_a_chain_requests_its_work_and_the_cut_at_once() {
    let mut s = Script::idle(2);
    s.at(1000).wants(&[2]).gives(&["work on 2", "cut"]);
    s.at(1001).work(piece(2, 1, 'a')).gives(&["publish 2:1a"]);
    s.at(1002)
        .cut(&[(0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0)])
        .gives(&["show 0:0 1:0 2:0 3:0"]);
    // There is room for another job, but no other chain is wanted.
    assert_eq!(s.wakeup_ms(), Some(1102), "the next look at the cut");
}

#[test]
fn unwanted_work_is_no_job_and_requests_name_wanted_chains_in_turn() {
    let mut s = Script::idle(2);
    s.wants(&[1, 3]).gives(&["work on 1", "cut"]);
    s.cut_fails(&busy());
    // The next request does not wait, until eight works for each of the four chains were of no use.
    for _ in 0..16 {
        s.at(5).work(piece(0, 1, 'a')).gives(&["work on 3"]);
        s.at(5).work(piece(2, 1, 'a')).gives(&["work on 1"]);
    }
    s.at(5).work(piece(0, 1, 'a')).gives(&[]);
    s.at(100).tick().gives(&["cut"]);
    s.at(104).tick().gives(&[]);
    s.at(105).tick().gives(&["work on 3"]);
    s.at(106).work(piece(2, 1, 'a')).gives(&[]);
    // An update may make work on a wanted chain available.
    s.at(110).new_cut(0).gives(&["work on 1"]);
    s.at(111)
        .work(piece(3, 1, 'a'))
        .gives(&["publish 3:1a", "work on 1"]);
    s.at(112)
        .work(piece(1, 1, 'a'))
        .gives(&["publish 1:1a 3:1a"]);
    assert_eq!(s.counters().jobs, 2);
}

#[test]
fn work_requested_under_an_earlier_demand_is_requested_again_at_once() {
    let mut s = Script::idle(1);
    s.wants(&[1]).gives(&["work on 1", "cut"]);
    s.at(1).wants(&[2]).gives(&[]);
    s.at(2).work(piece(1, 1, 'a')).gives(&["work on 2"]);
    s.at(3).work(piece(2, 1, 'a')).gives(&["publish 2:1a"]);
}

#[test]
fn without_a_cut_work_and_accepted_blocks_show_the_heights() {
    let mut s = Script::idle(2);
    s.wants(&[2]).gives(&["work on 2", "cut"]);
    s.at(1).work(piece(2, 8, 'a')).gives(&["publish 2:8a"]);
    // The node may serve another network, so it is asked once.
    s.at(2).cut_fails(&not_served()).gives(&["identify"]);
    s.at(3).identified("net", 4).gives(&[]);
    s.at(102).tick().gives(&["cut"]);
    s.at(103)
        .cut_fails(&not_served())
        .gives(&["show", "show 2:7"]);
    s.at(104)
        .solved("2:8a")
        .gives(&["submit 2:8a to net", "publish", "work on 2"]);
    s.at(105).submitted(Ok(())).gives(&["show 2:8"]);
    let blocks = s.counters().blocks;
    assert_eq!((blocks.unknown, blocks.pending), (1, 0));
    // Work older than the block does not take it back.
    s.at(106).work(piece(2, 8, 'b')).gives(&["work on 2"]);
    // The cut is not requested for half a minute.
    s.at(2000).tick().gives(&[]);
}

#[test]
fn a_node_without_a_cut_and_work_is_shown_without_heights() {
    let mut s = Script::idle(1);
    s.wants(&[2]).gives(&["work on 2", "cut"]);
    s.work_fails(&busy());
    s.at(2).cut_fails(&not_served()).gives(&["identify"]);
    s.at(3).identified("net", 4).gives(&[]);
    s.at(102).tick().gives(&["work on 2", "cut"]);
    s.at(103).cut_fails(&not_served()).gives(&["show"]);
}

#[test]
fn unwanted_jobs_make_room() {
    let mut s = Script::mining(2);
    assert_eq!(s.live(), ["1:1a", "0:1a"]);
    s.wants(&[1, 3])
        .gives(&["publish 1:1a", "work on 3", "cut"]);
    s.wants_nothing().gives(&["publish"]);
    // Their answers come too late.
    s.at(10).work(piece(3, 1, 'a')).gives(&[]);
    s.at(11).cut(&[(0, 0, 0)]).gives(&[]);
    assert_eq!(s.counters().jobs_retired.unsolved(), 0);
}

#[test]
fn a_solution_of_an_unwanted_job_is_submitted() {
    let mut s = Script::mining(1);
    s.wants_nothing().gives(&["publish"]);
    s.solved("0:1a").gives(&["submit 0:1a to net"]);
}

#[test]
fn every_possible_change_of_the_cut_requests_it_again() {
    let cut = [(0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0)];
    let mut s = Script::idle(1);
    s.wants(&[0]).gives(&["work on 0", "cut"]);
    s.at(1).work(piece(0, 1, 'a')).gives(&["publish 0:1a"]);
    // A cut may not include what happens during its request.
    s.at(2).new_cut(3).gives(&[]);
    s.at(3).cut(&cut).gives(&["show 0:0 1:0 2:0 3:0"]);
    // However fast changes come, some time passes between two requests.
    s.at(22).tick().gives(&[]);
    s.at(23).tick().gives(&["cut"]);
    s.at(24).cut(&cut).gives(&["show 0:0 1:0 2:0 3:0"]);
    s.at(25).wants(&[]).gives(&["publish", "cut"]);
    s.at(26).cut(&cut).gives(&["show 0:0 1:0 2:0 3:0"]);
    s.at(27).solved("0:1a").gives(&["submit 0:1a to net"]);
    s.at(28).submitted(Ok(())).gives(&["cut"]);
    s.at(29)
        .cut(&[(0, 1, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0)])
        .gives(&["show 0:1 1:0 2:0 3:0"]);
    // Without any event it is fetched all the same.
    s.at(128).tick().gives(&[]);
    s.at(129).tick().gives(&["cut"]);
}

#[test]
fn a_network_is_shown_before_its_heights_are_known_and_when_it_changes() {
    let mut s = Script::new(&config(1));
    s.wants(&[0]).gives(&["identify"]);
    s.identified("net", 1)
        .gives(&["show", "listen to net/0", "work on 0", "cut"]);
    s.cut(&[(0, 7, 0)]).gives(&["show 0:7"]);
    s.at(10).lost(0);
    s.work_fails(&broken());
    s.at(20).tick();
    s.identified("other", 1)
        .gives(&["unsubscribe", "show", "listen to other/0", "cut"]);
}

#[test]
fn other_chains_of_the_same_network_are_shown_and_the_same_ones_are_not() {
    for (chains, shown) in [(4, None), (5, Some("show"))] {
        let mut s = Script::idle(1);
        s.wants(&[]).gives(&["cut"]);
        s.cut_fails(&broken()).gives(&["identify"]);
        let listen: Vec<_> = (0..chains)
            .map(|chain| format!("listen to net/{chain}"))
            .collect();
        let (again, new) = listen.split_at(4);
        let mut expected = vec!["unsubscribe"];
        expected.extend(again.iter().map(String::as_str));
        expected.extend(shown);
        expected.extend(new.iter().map(String::as_str));
        expected.push("cut");
        s.at(200).identified("net", chains).gives(&expected);
    }
}
