@trunk_conformance
Feature: ICE and DTLS as Meta has them
  Meta's trunk offers ICE and DTLS-SRTP unless it was told otherwise. Meta never sends the first packet: the PBX checks
  the candidates and begins the handshake, and what it says before both are done is lost. Its first packet is often lost
  as well, since it overtakes the answer; then DTLS needs a second more.

  Background:
    Given the trunk has ICE and DTLS
    And the support line is open with 1 agent ready
    And a customer

  @req.T29 @req.T31
  Scenario: The PBX answers with ICE and begins DTLS
    When the customer calls the support number
    Then the call is answered
    And the PBX's answer is encrypted as offered
    And the PBX has kept the trunk's rules

  @req.T29 @req.T31 @req.T35
  Scenario: ICE and DTLS are done in time, and both sides hear each other
    When the customer calls the support number
    Then the call is answered
    And the customer's media are secured in time
    And an agent's phone rings
    When the agent answers
    Then the customer and the agent hear each other
    And the PBX has kept the trunk's rules

  @req.T48 @claims.greeting
  Scenario: The first words survive the handshake
    Given the business's answer reaches the customer late
    When the customer calls the support number
    Then the call is answered
    And the customer hears the whole greeting in English
