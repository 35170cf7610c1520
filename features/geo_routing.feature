@geo_routing @claims.sites
Feature: Multi-site and geo routing
  An SBC stands before several sites. The number dialled, the caller's country, the caller's language and the hours of
  the sites decide which of them takes a call; a dead or full one is passed over. (Vendor's calling scenario 5.)

  Scenario Outline: The caller's country decides (<country>)
    Given every site is open with 1 agent ready
    And a customer in <country>
    When the customer calls the number of all sites
    Then the call is answered
    And the customer hears the greeting of that site
    And the site declared for the caller's country takes the call
    And the agent at that site and the customer hear each other

    Examples:
      | country        |
      | United Kingdom |
      | Mexico         |

  Scenario: The country that WhatsApp tells counts for more than the number
    Given every site is open with 1 agent ready
    And a customer with a number of Mexico whom WhatsApp places in Ireland
    When the customer calls the number of all sites
    Then the site declared for the caller's country takes the call

  Scenario: A customer who hides their number is known by the country that WhatsApp tells
    Given every site is open with 1 agent ready
    And a customer with a hidden number in Colombia
    When the customer calls the number of all sites
    Then the site declared for the caller's country takes the call
    And the agent at that site and the customer hear each other
    When the customer hangs up
    Then both sides of the call have ended

  Scenario Outline: Customers of no region are routed by <rule>
    Given every site is open with 1 agent ready
    And a customer whose calls are routed by <rule>
    When the customer calls the number of all sites
    Then the site declared for <rule> takes the call

    Examples:
      | rule                  |
      | the caller's language |
      | the default           |

  Scenario Outline: The number dialled counts for more than the country (<site>)
    Given every site is open with 1 agent ready
    And a customer in <country>
    When the customer calls the own number of <site>
    Then the site declared for the number dialled takes the call

    Examples:
      | country        | site            |
      | Mexico         | the first site  |
      | United Kingdom | the second site |

  @own_pbx
  Scenario: Follow the sun: every hour of a weekday and of the weekend
    When a customer of each region calls in every hour of 2026-03-11
    And a customer of each region calls in every hour of 2026-03-14
    Then every call has reached the site that is declared for it

  @own_pbx
  Scenario: Sites open and close by their own clocks, in summer time too
    When a customer of each region calls a minute before and after each opening and closing on 2026-03-30
    Then every call has reached the site that is declared for it

  @own_pbx
  Scenario: A site dies and the others go on
    Given every site is open with 2 agents ready
    And a customer in conversation with an agent at every site
    When the first site dies
    Then every conversation but that at the first site goes on
    When another customer of the first site calls
    Then an agent's phone rings at the next site after the first site, in the declared time
    And the agent at that site and the customer hear each other
    And every conversation but that at the first site goes on
    When the first site comes back
    Then the first site takes its customers' calls again

  Scenario: A full site overflows to the next
    Given every site is open with 1 agent ready
    And the second site is full
    When another customer of the second site calls
    Then the call overflows to the next site after the second site
    And the agent at that site and the customer hear each other

  @own_pbx
  Scenario: The SBC restarts under calls in progress
    Given every site is open with 2 agents ready
    And a customer in conversation with an agent at every site
    When the SBC restarts
    Then every conversation goes on
    When all conversations are ended, by customers and by agents
    And another customer of the first site calls
    Then an agent's phone rings at the first site

  Scenario: A call is never at two sites
    Given every site is open with 2 agents ready
    And a customer whose calls are routed by the caller's country
    When the customer calls the number of all sites
    Then the set-up of the call is seen at one site only

  @own_pbx
  Scenario: No site can be reached
    Given every site is open
    And a customer in the United Kingdom
    And every site is down
    When the customer calls the number of all sites
    Then the customer is told that no site can be reached
    When the first site comes back
    Then the first site takes its customers' calls again
