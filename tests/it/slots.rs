//! Which slot of the router is production: what proves it, and what is not moved where nothing does.

use serde_json::{Value, json};

use crate::promotion::registered;
use crate::releases::{CANARY, gated, journal, killed_in_the_second, release, serves, webhook};
use crate::rollout::{Toy, came_to, rollout};
use crate::toy_mlflow::ToyMlflow;

#[test]
fn a_lost_journal_in_the_second_release_goes_by_the_routers_weights() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY);
    killed_in_the_second(&toy, &world);
    world.write("journal.json", "");
    world.run(&["watch"]).exits(3).saying("stable has all of the traffic again");
    serves(&toy, "candidate");
    // Weights that are not mlgate's tell nothing.
    toy.set(|inner| inner.weights = [30, 90]);
    for command in ["watch", "rollback", "rollout"] {
        world.run(&[command]).exits(3).saying("the slot of production is not certain").saying("--production-slot NAME");
        assert_eq!(toy.weights(), [30, 90], "{command}");
    }
    world.run(&["rollback", "--production-slot", "other"]).exits(2).saying("the slots `stable` and `candidate`");
    world.run(&["rollback", "--production-slot", "candidate"]).exits(0).saying("traffic: done");
    serves(&toy, "candidate");
    // From there on, it is stable.
    release(&world, "9").exits(0);
    serves(&toy, "stable");
}

#[test]
fn a_webhook_does_not_tell_the_slot_of_production() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY);
    let _served = webhook(&toy, &world);
    killed_in_the_second(&toy, &world);
    // Nor does a journal that is not signed.
    for text in [world.read("journal.json"), String::new()] {
        world.write("journal.json", text);
        for command in ["watch", "rollback"] {
            world.run(&[command]).exits(3).saying("the slot of production is not certain");
            assert_eq!(toy.weights(), [10, 90], "{command}");
        }
    }
    world.run(&["rollback", "--production-slot", "candidate"]).exits(0);
    serves(&toy, "candidate");
}

#[test]
fn a_journal_that_is_not_signed_moves_no_traffic_to_another_slot() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY);
    rollout(&world, &["--once"]).exits(0);
    world.run(&["rollback"]).exits(0);
    let mut forged = journal(&world);
    (forged["is_settled"], forged["state"]["ended"], forged["stable_slot"]) =
        (json!(false), Value::Null, json!("candidate"));
    forged["heartbeat_at"] = json!(1.0);
    world.write("journal.json", forged.to_string());
    for command in ["watch", "rollback"] {
        world.run(&[command]).exits(3).saying("a journal that is not signed names `candidate`");
        serves(&toy, "stable");
    }
    rollout(&world, &[]).exits(3).saying("the slot of production is not certain");
    serves(&toy, "stable");
    // Nor one from which the slot was taken out.
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY);
    killed_in_the_second(&toy, &world);
    let mut forged = journal(&world);
    forged.as_object_mut().unwrap().remove("stable_slot");
    world.write("journal.json", forged.to_string());
    world.run(&["watch"]).exits(3).saying("the router's weights tell another one");
    assert_eq!(toy.weights(), [20, 180]);
}

#[test]
fn a_slot_that_the_config_does_not_have_is_said() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY);
    release(&world, "8").exits(0);
    world.write(
        "journal.json",
        world.read("journal.json").replace("\"stable_slot\":\"stable\"", "\"stable_slot\":\"blue\""),
    );
    for (command, exit) in [("rollout", 2), ("watch", 2), ("status", 2), ("rollback", 3)] {
        let ran = world.run(&[command]);
        assert!(ran.exit == exit || command == "rollback" && ran.exit == 0, "{ran:#?}");
        ran.saying("the router has the slots `stable` and `candidate`, and `blue` is not one of them");
    }
    let config = world.read("mlgate.yml");
    world.write("mlgate.yml", config.replace("candidate: candidate", "candidate: stable"));
    rollout(&world, &[]).exits(2).saying("name two different ones");
}

#[test]
fn the_registry_confirms_what_was_promoted() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, CANARY);
    release(&world, "8").exits(0);
    mlflow.set(|inner| drop(inner.aliases.insert("champion".into(), "7".into())));
    let said = "`champion` is version `7`, and the journal says that version `8` was promoted, in the slot `candidate`";
    release(&world, "9").exits(2).saying(said);
    rollout(&world, &["--dry-run"]).exits(2).saying(said);
    serves(&toy, "candidate");
    // What is in production, and where, is a person's to say.
    world.run(&["rollback", "--production-slot", "candidate", "--to-version", "8"]).exits(0);
    assert_eq!(mlflow.alias("champion").as_deref(), Some("8"));
    serves(&toy, "candidate");
    release(&world, "9").exits(0);
    serves(&toy, "stable");
}

#[test]
fn a_rollback_asks_whether_the_version_before_can_take_the_traffic() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, CANARY);
    release(&world, "8").exits(0);
    toy.set(|inner| inner.is_ready[0] = false);
    let before = world.read("journal.json");
    world.run(&["rollback"]).exits(3).saying("traffic: FAILED").saying("`stable` is down");
    assert_eq!(came_to(&world)["result"], "aborted");
    assert_eq!((world.read("journal.json"), mlflow.alias("champion").as_deref()), (before, Some("8")));
    serves(&toy, "candidate");
    toy.set(|inner| inner.errors[1] = 0.9);
    world.run(&["watch", "--seconds", "5"]).exits(3).saying("requests failed").saying("`stable` is down");
    assert_eq!((mlflow.alias("champion").as_deref(), &journal(&world)["is_settled"]), (Some("8"), &json!(true)));
    serves(&toy, "candidate");
    toy.set(|inner| inner.is_ready[0] = true);
    world.run(&["watch", "--seconds", "5"]).exits(1).saying("requests failed").saying("traffic: done");
    assert_eq!(mlflow.alias("champion").as_deref(), Some("7"));
    serves(&toy, "stable");
}

#[test]
fn an_operator_who_gave_the_version_before_its_traffic_again_is_followed() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY);
    release(&world, "8").exits(0);
    toy.set(|inner| inner.weights = [100, 0]);
    release(&world, "9").exits(0);
    serves(&toy, "candidate");
    // A router that does not say whether it was restarted proves no operator.
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY);
    let _served = webhook(&toy, &world);
    release(&world, "8").exits(0);
    gated(&world, "9");
    rollout(&world, &["--dry-run"]).exits(0).saying("warning slots: that stable is slot `candidate`");
    toy.set(|inner| inner.weights = [100, 0]);
    release(&world, "9").exits(3).saying("this router does not tell whether it was restarted");
    serves(&toy, "stable");
    world.run(&["rollback"]).exits(0);
    release(&world, "9").exits(0);
    serves(&toy, "candidate");
}
